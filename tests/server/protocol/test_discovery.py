"""The description is read off the tables, so that it cannot lie."""

from pathlib import Path

import msgspec

from counterfoil.oauth import pkce
from counterfoil.server.protocol.client_authentication import METHODS
from counterfoil.server.protocol.discovery import metadata_of
from counterfoil.server.protocol.grant_types import GRANT_TYPES
from counterfoil.server.settings import Settings


def metadata(issuer: str = "https://id.example") -> dict[str, object]:
    settings = Settings(data=Path("x"), issuer=issuer)
    return dict(msgspec.to_builtins(metadata_of(settings, frozenset({"b", "a"}))))


def test_lists_are_those_of_the_tables():
    found = metadata()
    assert tuple(found["grant_types_supported"]) == tuple(GRANT_TYPES)
    assert tuple(found["token_endpoint_auth_methods_supported"]) == METHODS
    assert tuple(found["code_challenge_methods_supported"]) == (pkce.METHOD,)


def test_scopes_of_apis_stand_beside_those_of_openid():
    assert list(metadata()["scopes_supported"]) == [
        "a",
        "b",
        "email",
        "offline_access",
        "openid",
        "profile",
    ]


def test_endpoints_stand_below_the_issuers_own_path():
    """RFC 8414 §2: several issuers may share a host."""
    found = metadata("https://host.example/tenant/one")
    urls = [str(url) for name, url in found.items() if name.endswith(("_endpoint", "_uri"))]
    assert all(url.startswith("https://host.example/tenant/one/") for url in urls)


def test_introspection_is_not_for_public_clients():
    """RFC 7662 §2.1."""
    assert "none" not in metadata()["introspection_endpoint_auth_methods_supported"]
