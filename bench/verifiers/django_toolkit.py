"""django-oauth-toolkit at an API: it asks the issuer, and keeps the answer in its database.

It runs in the peers' environment (``make bench-peers``).
"""

import logging
import tempfile
from pathlib import Path

import django
from answering import read_paper, sit
from django.conf import settings

logging.disable()  # it tells of every refusal at length
paper = read_paper()
folder = tempfile.mkdtemp(prefix="counterfoil-bench-")
settings.configure(
    ALLOWED_HOSTS=["notes.example"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(Path(folder) / "cache.db"),
            "OPTIONS": {"init_command": "PRAGMA journal_mode = WAL"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    OAUTH2_PROVIDER={
        "RESOURCE_SERVER_INTROSPECTION_URL": f"{paper['issuer']}/introspect",
        "RESOURCE_SERVER_INTROSPECTION_CREDENTIALS": (
            paper["introspection"]["client_id"],
            paper["introspection"]["secret"],
        ),
    },
    SECRET_KEY="for a benchmark",
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command  # noqa: E402
from oauth2_provider.oauth2_backends import get_oauthlib_core  # noqa: E402

call_command("migrate", verbosity=0)

from django.test import RequestFactory  # noqa: E402

requests, core = RequestFactory(), get_oauthlib_core()


def accepts(token: str) -> bool:
    request = requests.get(
        "/notes", secure=True, HTTP_HOST="notes.example", HTTP_AUTHORIZATION=f"Bearer {token}"
    )
    is_valid, _ = core.verify_request(request, scopes=["notes:read"])
    return bool(is_valid)


sit(paper, accepts)
