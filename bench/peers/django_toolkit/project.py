"""A Django project with django-oauth-toolkit, as a careful owner would run it, in one file.

``PEER_SETUP`` names the file that says what there is.
"""

import json
import os
import secrets
from pathlib import Path

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

SETUP = json.loads(Path(os.environ["PEER_SETUP"]).read_text())


def _database():
    if place := SETUP["postgres"]:
        return {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": place["database"],
            "USER": place["user"],
            "HOST": place["folder"],
            "CONN_MAX_AGE": None,
        }
    pragmas = f"PRAGMA journal_mode = WAL; PRAGMA synchronous = {SETUP['synchronous']};"
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": SETUP["sqlite"],
        "CONN_MAX_AGE": None,
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE", "init_command": pragmas},
    }


def _rsa_key():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return key.private_bytes(encoding, form, serialization.NoEncryption()).decode()


settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.ModelBackend"],
    DATABASES={"default": _database()},
    DEBUG=False,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": _rsa_key(),
        "PKCE_REQUIRED": True,
        "ROTATE_REFRESH_TOKEN": True,
        "REFRESH_TOKEN_EXPIRE_SECONDS": 1209600,
        "SCOPES": {"openid": "Who you are", SETUP["scope"]: "Read notes"},
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY=secrets.token_urlsafe(50),
    # The session is signed into the cookie: no row is read for it.
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth import get_user_model, login  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.http import HttpResponse  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.models import get_application_model  # noqa: E402


def _populate():
    call_command("migrate", verbosity=0)
    get_user_model().objects.create_user("ada", SETUP["email"])
    application = get_application_model()
    for name in ("service", "opaque", "app"):
        user = name == "app"
        application.objects.create(
            name=name,
            client_id=SETUP[name]["client_id"],
            client_secret=SETUP[name]["secret"],
            hash_client_secret=False,  # its hash for passwords would allow three tokens a second
            client_type=application.CLIENT_CONFIDENTIAL,
            authorization_grant_type=application.GRANT_AUTHORIZATION_CODE
            if user
            else application.GRANT_CLIENT_CREDENTIALS,
            redirect_uris=SETUP["callback"] if user else "",
            algorithm=application.RS256_ALGORITHM if user else application.NO_ALGORITHM,
            skip_authorization=True,  # the person has allowed the app
        )


def sign_in(request):
    """Whoever comes is let in: an owner's own page, which is not measured."""
    login(request, get_user_model().objects.get(username="ada"))
    return HttpResponse("signed in")


urlpatterns = [
    path("ready", lambda _: HttpResponse("ready")),
    path("sign-in", sign_in),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]
_populate()
application = get_wsgi_application()
