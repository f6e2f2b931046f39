"""Glewlwyd, from Debian's package, set up through its own API as its owner would."""

import http.client
import shutil
import sqlite3
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Struct

from bench.http_session import HttpSession
from bench.peers.site import Clients, Paths, Site, clients, code_from
from bench.seeding import CALLBACK, SCOPE, Registered, pkce_pair
from bench.server import Started, running
from tests.ports import free_port
from tests.postgres import Postgres

_SCHEMA: Final = Path("/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3")
_LIBRARIES: Final = "/usr/lib/glewlwyd"
_SETTINGS: Final = """
port={port}
external_url="http://127.0.0.1:{port}"
login_url="login.html"
api_prefix="api"
static_files_path="/usr/share/glewlwyd/webapp/"
log_mode="file"
log_level="NONE"
log_file="/dev/null"
cookie_domain="127.0.0.1"
cookie_secure=0
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="{libraries}/user"
user_middleware_module_path="{libraries}/user_middleware"
client_module_path="{libraries}/client"
user_auth_scheme_module_path="{libraries}/scheme"
plugin_module_path="{libraries}/plugin"
hash_algorithm="SHA512"
database={{ type="sqlite3" path="{database}" }};
"""
_PLUGIN: Final[Mapping[str, object]] = {
    "jwt-type": "ecdsa",
    "jwt-key-size": "256",
    "access-token-duration": 3600,
    "refresh-token-duration": 1209600,
    "refresh-token-rolling": False,
    "refresh-token-one-use": "always",
    "code-duration": 60,
    "allow-non-oidc": True,
    "auth-type-code-enabled": True,
    "auth-type-client-enabled": True,
    "auth-type-refresh-enabled": True,
    "auth-type-id-token-enabled": True,
    "pkce-allowed": True,
    "pkce-method-plain-allowed": False,
    "subject-type": "public",
    "introspection-revocation-allowed": True,
    "introspection-revocation-allow-target-client": True,
}
_ADMIN: Final = {"username": "admin", "password": "password"}
_PERSON: Final = {"username": "ada", "password": "correct horse battery"}


class Glewlwyd(Struct, frozen=True):
    """One process, whose threads share the measured core."""

    key: str = "glewlwyd_sqlite"
    title: str = "Glewlwyd, SQLite"
    settings: str = (
        "WAL, synchronous=FULL (its own); secrets of clients not hashed; each token a row"
    )
    on_postgres: bool = False

    def missing(self) -> str:
        """Debian has it, and nobody else."""
        there = shutil.which("glewlwyd") and _SCHEMA.exists()
        return "" if there else "Debian's package glewlwyd, which only root can have installed"

    @contextmanager
    def running(self, folder: Path, _database: Postgres) -> Iterator[Site]:
        """Run it."""
        port, made = free_port(), clients()
        path = folder / "glewlwyd.db"
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.executescript(_SCHEMA.read_text())
        settings = folder / "glewlwyd.conf"
        settings.write_text(_SETTINGS.format(port=port, libraries=_LIBRARIES, database=path))
        command = ["glewlwyd", "--config-file", str(settings)]
        with running(Started(command, "/login.html", folder / "log"), port) as server:
            _furnish(port, made)
            paths = Paths(
                "/api/oidc/auth",
                "/api/oidc/token",
                "/api/oidc/introspect",
                "g_continue&nonce=n-0S6_WzA2Mj",
            )
            # An introspecting client sees its own tokens.
            yield Site(server, paths, Clients(made.service, made.service, made.app), _sign_in)


def _furnish(port: int, made: Clients) -> None:
    admin = _Json(port)
    admin.send("POST", "/api/auth/", _ADMIN)
    scope = {"name": SCOPE, "display_name": "Notes", "description": "Read notes"}
    admin.send("POST", "/api/scope/", {**scope, "password_required": False, "scheme": {}})
    issuer = f"http://127.0.0.1:{port}/api/oidc"
    parameters = {**_PLUGIN, **_keys(), "iss": issuer, "scope": [], "claims": []}
    named = {"module": "oidc", "name": "oidc", "display_name": "OIDC"}
    admin.send("POST", "/api/mod/plugin/", {**named, "parameters": parameters})
    admin.send("POST", "/api/client/", _client(made.service, "client_credentials", scopes=[SCOPE]))
    admin.send("POST", "/api/client/", _client(made.app, "code", "refresh_token", scopes=[]))
    person = {**_PERSON, "name": "Ada", "email": "ada@example.com", "enabled": True}
    admin.send("POST", "/api/user/", {**person, "scope": ["openid", SCOPE, "g_profile"]})


def _client(client: Registered, *types: str, scopes: list[str]) -> dict[str, object]:
    return {
        "client_id": client.client_id,
        "client_secret": client.secret,
        "name": client.client_id,
        "enabled": True,
        "confidential": True,
        "token_endpoint_auth_method": ["client_secret_basic"],
        "redirect_uri": [CALLBACK],
        "authorization_type": list(types),
        "scope": scopes,
    }


def _keys() -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = serialization.Encoding.PEM
    return {
        "key": key.private_bytes(pem, form, plain).decode(),
        "cert": key.public_key().public_bytes(pem, public).decode(),
    }


def _sign_in(site: Site) -> HttpSession:
    person = _Json(site.server.port)
    person.send("POST", "/api/auth/", _PERSON)
    app = site.clients.app.client_id
    person.send("PUT", f"/api/auth/grant/{app}", {"scope": f"openid {SCOPE}"})
    browser = HttpSession(site.server.port)
    browser.take_cookie(person.cookie)
    code_from(site, browser, pkce_pair()[1])
    return browser


class _Json:
    """Somebody who speaks to its API."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cookie = ""

    def send(self, method: str, path: str, document: Mapping[str, object]) -> None:
        """Send a document, and end all where it is not taken."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        headers = {"Content-Type": "application/json", "Cookie": self.cookie}
        connection.request(method, path, msgspec.json.encode(document), headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        if response.status != 200:
            sys.exit(f"!! bench: Glewlwyd: {method} {path}: {response.status} {body.decode()}")
        self.cookie = (response.headers.get("set-cookie") or self.cookie).partition(";")[0]
