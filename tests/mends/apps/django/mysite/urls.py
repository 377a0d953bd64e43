"""The shop's URLs."""

from django.urls import path, re_path
from mysite import views

urlpatterns = [
    # not: API-04, API-05, COR-05
    path("api/items", views.items),
    # end not
    # only: API-04, COR-05, API-05
    path("api/items/", views.items),
    # end only
    # only: API-05
    path("api/items", views.items_elsewhere),
    # end only
    path("api/items/<int:item_id>", views.item),
    path("api/visits", views.visits),
    # only: API-03/django
    path("api/me", views.me),
    path("login/", views.login),
    # end only
    # only: DEP-01/django, DEP-02/django, COR-05-moved/django
    path("", views.rendered),
    # end only
    # not: API-01/django, CAC-02/django, DEP-01/django, DEP-02/django, COR-05-moved/django
    path("", views.page),
    path("assets/<str:name>", views.script),
    # end not
    # only: API-01/django, CAC-02/django
    re_path("^(.*)$", views.page_or_file),
    # end only
]
# fault: API-01 | end of urls.py
# end fault
# fault: CAC-02 | end of urls.py
# end fault
