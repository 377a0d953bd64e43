"""The shop's settings. The harness keeps the regions of one case, drops the others, and fills in the names in capitals."""

from pathlib import Path

BASE_DIR = Path(__file__).parent.parent
SECRET_KEY = "a secret of the tests"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "mysite.urls"
WSGI_APPLICATION = "mysite.wsgi.application"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [BASE_DIR / "dist"]}]
LOGIN_URL = "/login/"
# not: COR-01, COR-05, API-01, API-03, API-04, API-05, WS-01, DEP-01, CAC-02
INSTALLED_APPS.append("corsheaders")
MIDDLEWARE.insert(1, "corsheaders.middleware.CorsMiddleware")
# end not
# only: SES-01, DEP-02
CORS_ALLOWED_ORIGINS = ["__PAGE_ORIGIN__"]
CORS_ALLOW_CREDENTIALS = True
# end only
# only: COR-05-moved
CORS_ALLOWED_ORIGINS = ["__PAGE_ORIGIN__"]
CORS_ALLOW_HEADERS = ["x-workspace-id"]
MIDDLEWARE.insert(0, "mysite.views.one_host")
# end only
# fault: COR-05-moved | settings.py, where the address of the API is set for the page
API_BASE = "http://api.other.test:__FRONT__"
# end fault
# fault: DEP-01 | settings.py, where the address of the API is set for the page
API_BASE = "http://localhost:__CLOSED_PORT__"
# end fault
# fault: DEP-02 | settings.py, where the address of the API is set for the page
API_BASE = "http://api.other.test:__PROXY_PORT__"
# end fault
# fault: COR-01 | end of settings.py, in place of other CORS_ settings
# end fault
# fault: COR-02 | end of settings.py, in place of other CORS_ settings
CORS_ALLOW_ALL_ORIGINS = True
# end fault
# fault: COR-05 | end of settings.py, in place of other CORS_ settings
# end fault
# fault: COR-06 | end of settings.py, in place of other CORS_ settings
CORS_ALLOWED_ORIGINS = ["__PAGE_ORIGIN__"]
CORS_ALLOW_CREDENTIALS = True
# end fault
# fault: COR-07 | end of settings.py, in place of other CORS_ settings
CORS_ALLOWED_ORIGINS = ["__PAGE_ORIGIN__"]
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_METHODS = ["GET", "POST"]
CORS_ALLOW_HEADERS = ["content-type", "x-workspace-id"]
# end fault
# only: COR-08
CORS_ALLOWED_ORIGINS = ["__PAGE_ORIGIN__"]
# end only
# fault: COR-08 | end of settings.py
# end fault
# fault: COR-09 | end of settings.py, in place of other CORS_ settings
CORS_ALLOWED_ORIGINS = ["__MISSPELT_ORIGIN__"]
CORS_ALLOW_CREDENTIALS = True
CORS_ALLOW_HEADERS = ["content-type", "x-workspace-id"]
# end fault
# fault: COR-11 | end of settings.py, in place of other CORS_ settings
CORS_ALLOW_ALL_ORIGINS = True
CORS_ALLOW_CREDENTIALS = True
# end fault
# fault: API-04 | end of settings.py
# end fault
# fault: API-05 | end of settings.py
# end fault
# fault: SES-01 | end of settings.py
# end fault
