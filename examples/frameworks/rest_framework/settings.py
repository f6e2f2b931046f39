import secrets

from counterfoil.guard import Guard
from counterfoil.guard.django import Guarded

COUNTERFOIL = Guarded(Guard("http://localhost:8000", audience="https://notes.example"))
MIDDLEWARE = ["counterfoil.guard.django.GuardMiddleware"]

ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "rest_framework"]
ROOT_URLCONF = "urls"
SECRET_KEY = secrets.token_urlsafe()
