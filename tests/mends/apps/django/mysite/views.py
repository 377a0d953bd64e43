"""The shop's views."""

from django.conf import settings
from django.http import FileResponse, Http404, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render

# fault: API-03 | views of the API, in place of from django.contrib.auth.decorators import login_required
from django.contrib.auth.decorators import login_required
# end fault

DIST = settings.BASE_DIR / "dist"


def one_host(get_response):
    def middleware(request):
        if request.get_host().startswith("api.other.test"):
            return HttpResponseRedirect(f"http://api.moved.test:__FRONT__{request.path}")
        return get_response(request)

    return middleware


def items(request):
    return JsonResponse([{"id": 1}], safe=False)


def items_elsewhere(request):
    return HttpResponseRedirect(request.build_absolute_uri("/api/items/"))


def item(request, item_id):
    return JsonResponse({"id": item_id, "by": request.method})


def visits(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse({"visits": request.session["visits"]})


# only: API-03/django
@login_required
def me(request):
    return JsonResponse({"name": "somebody"})


# end only
def login(request):
    return HttpResponse("<!doctype html><title>Sign in</title><form method=post><input name=password type=password></form>")


def rendered(request):
    return render(request, "rendered.html", {"api_base": settings.API_BASE})


def page(request):
    return FileResponse((DIST / "index.html").open("rb"), content_type="text/html")


def script(request, name):
    file = DIST / "assets" / name
    if not file.is_file():
        raise Http404
    return FileResponse(file.open("rb"), content_type="text/javascript")


def page_or_file(request, path):
    file = DIST / path
    if path and file.is_file():
        return FileResponse(file.open("rb"))
    return page(request)
