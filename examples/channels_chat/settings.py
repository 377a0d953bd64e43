"""Settings of the chat room. The environment gives the fault of the broken variant."""

import os
import secrets
from pathlib import Path

FAULT = os.environ.get("CHAT_FAULT", "")

SECRET_KEY = secrets.token_hex()
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]  # whose pages may open the WebSocket, too
ROOT_URLCONF = "examples.channels_chat.urls"
ASGI_APPLICATION = "examples.channels_chat.asgi.application"

INSTALLED_APPS = [
    "daphne",  # before staticfiles: it replaces runserver by one that speaks ASGI
    "django.contrib.staticfiles",
    "channels",
    "examples.channels_chat",
]
if FAULT == "wsgi":
    INSTALLED_APPS.remove("daphne")
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [Path(__file__).parent / "templates"]}]
DATABASES = {}
CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}  # one process; else channels_redis
USE_TZ = True
STATIC_URL = "/static/"
