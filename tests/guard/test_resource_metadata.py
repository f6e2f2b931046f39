"""What an API says of itself (RFC 9728)."""

import json

import pytest

from counterfoil.guard import ResourceMetadata
from counterfoil.guard.request import Request
from counterfoil.guard.resource_metadata import WELL_KNOWN, Described, PublishedMetadata

ISSUERS = ("https://id.example", "https://other.example")
SAID = ResourceMetadata(scopes=("notes:read",), name="Notes")


def published(resource: str, said: ResourceMetadata = SAID, **more: bool) -> PublishedMetadata:
    return PublishedMetadata(said, Described(resource=resource, issuers=ISSUERS, **more))


def asking(path: str, method: str = "GET") -> Request:
    return Request(method, "https", "192.0.2.7", path, b"", ())


@pytest.mark.parametrize(
    ("resource", "url"),
    [
        ("https://api.example", f"https://api.example{WELL_KNOWN}"),
        ("https://api.example/", f"https://api.example{WELL_KNOWN}"),
        ("https://api.example/mcp", f"https://api.example{WELL_KNOWN}/mcp"),
        ("https://api.example:8443/a/b/", f"https://api.example:8443{WELL_KNOWN}/a/b/"),
        ("http://127.0.0.1:9/mcp", f"http://127.0.0.1:9{WELL_KNOWN}/mcp"),
    ],
)
def test_it_stands_between_host_and_path(resource: str, url: str):
    """§3.1."""
    assert published(resource).url == url


def test_it_says_what_the_guard_knows():
    """§2; the identifier is the audience, exactly (§3.3)."""
    reply = published("https://api.example/mcp").answer(asking(f"{WELL_KNOWN}/mcp"))
    assert reply is not None
    document = json.loads(reply.body)
    assert document.pop("dpop_signing_alg_values_supported")
    assert document == {
        "resource": "https://api.example/mcp",
        "authorization_servers": list(ISSUERS),
        "scopes_supported": ["notes:read"],
        "bearer_methods_supported": ["header"],
        "resource_name": "Notes",
    }
    assert reply.headers["content-type"] == "application/json"


def test_what_is_demanded_of_every_token_is_said():
    place = published("https://api.example", takes_only_bound=True, knows_certificates=True)
    reply = place.answer(asking(WELL_KNOWN))
    assert reply is not None
    document = json.loads(reply.body)
    assert document["dpop_bound_access_tokens_required"] is True
    assert document["tls_client_certificate_bound_access_tokens"] is True


def test_not_every_issuer_need_be_offered():
    said = ResourceMetadata(authorization_servers=ISSUERS[:1])
    reply = published("https://api.example", said).answer(asking(WELL_KNOWN))
    assert reply is not None
    assert json.loads(reply.body)["authorization_servers"] == list(ISSUERS[:1])


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
def test_it_is_only_read(method: str):
    assert published("https://api.example").answer(asking(WELL_KNOWN, method)) is None


def test_head_is_answered_like_get():
    assert published("https://api.example").answer(asking(WELL_KNOWN, "HEAD")) is not None


@pytest.mark.parametrize(
    "resource",
    ["notes", "urn:notes", "http://api.example", "https://api.example/?a=b", "https:///"],
)
def test_an_audience_that_is_no_address_cannot_be_described(resource: str):
    with pytest.raises(ValueError, match=r"\w"):
        published(resource)


def test_offline_access_is_no_affair_of_an_api():
    """M21."""
    with pytest.raises(ValueError, match="offline_access"):
        ResourceMetadata(scopes=("notes:read", "offline_access"))


def test_only_issuers_that_are_trusted_are_offered():
    said = ResourceMetadata(authorization_servers=("https://evil.example",))
    with pytest.raises(ValueError, match="does not trust"):
        published("https://api.example", said)
