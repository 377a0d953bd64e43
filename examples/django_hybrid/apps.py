from django.apps import AppConfig


class BoardConfig(AppConfig):
    name = "examples.django_hybrid"
    label = "board"
    verbose_name = "Pin board"
