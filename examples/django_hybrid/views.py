from django.contrib.auth import get_user_model, login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST
from rest_framework import permissions, serializers, viewsets

from examples.django_hybrid.models import Card


class CardSerializer(serializers.ModelSerializer):
    owner = serializers.CharField(source="owner.username", read_only=True, default=None)

    class Meta:
        model = Card
        fields = ("id", "text", "owner")


class IsOwnerOrReadOnly(permissions.BasePermission):
    def has_object_permission(self, request, view, obj) -> bool:
        return request.method in permissions.SAFE_METHODS or obj.owner == request.user


class CardViewSet(viewsets.ModelViewSet):
    queryset = Card.objects.select_related("owner")
    serializer_class = CardSerializer
    permission_classes = (permissions.IsAuthenticatedOrReadOnly, IsOwnerOrReadOnly)

    def perform_create(self, serializer) -> None:
        serializer.save(owner=self.request.user)


def board(request: HttpRequest) -> HttpResponse:
    cards = CardSerializer(Card.objects.select_related("owner"), many=True).data
    return render(request, "board.html", {"cards": cards})


@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in with a name and no password: it is an example, and keeps nothing that needs one."""
    name = request.POST.get("name", "").strip()[:40]
    if name:
        user, _ = get_user_model().objects.get_or_create(username=name)
        login(request, user)
    return redirect("board")


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("board")
