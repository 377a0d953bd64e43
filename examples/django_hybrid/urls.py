from django.conf import settings
from django.urls import include, path
from rest_framework.routers import DefaultRouter

from examples.django_hybrid import views

# The component's URLs have no slash at their end, so the routes have none. DefaultRouter's own default is to have one.
router = DefaultRouter(trailing_slash=settings.FAULT == "settings")
router.include_root_view = False
router.register("cards", views.CardViewSet)

urlpatterns = [
    path("", views.board, name="board"),
    path("sign-in/", views.sign_in, name="sign-in"),
    path("sign-out/", views.sign_out, name="sign-out"),
    path("api/", include(router.urls)),
]
