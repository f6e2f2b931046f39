"""Keys that tokens are encrypted to, by the admin API (S68)."""

import pytest

from counterfoil.jose.encryption_keys import PrivateEncryptionKey, SharedSecret
from tests.administration import WRITE, Administrator, administrator
from tests.installation import Installation

pytestmark = pytest.mark.anyio
URI = "https://vault.example"


@pytest.fixture
async def uri(admin: Administrator, request: pytest.FixtureRequest) -> str:
    uri = f"{URI}/{request.node.name}"
    scopes = {f"{request.node.name}:open": "Open"}
    await admin.post("/api/apis", {"uri": uri, "name": "Vault", "scopes": scopes}, 201)
    return uri


async def test_keys_are_added_activated_and_withdrawn(admin: Administrator, uri: str) -> None:
    """S68."""
    pair = PrivateEncryptionKey.generate()
    added = await admin.post(f"/api/apis/keys?uri={uri}", {"jwk": pair.public.as_jwk()}, 201)
    assert (added["kid"], added["state"], added["secret"]) == (pair.kid, "next", None)
    shared = await admin.post(f"/api/apis/keys?uri={uri}", {}, 201)
    assert SharedSecret.from_jwk(shared["secret"]).kid == shared["kid"]
    await admin.post(f"/api/apis/keys/{pair.kid}/activate?uri={uri}")
    changed = await admin.post(f"/api/apis/keys/{shared['kid']}/activate?uri={uri}")
    assert [key["state"] for key in changed["encryption_keys"]] == ["retired", "active"]
    assert shared["secret"]["k"] not in str(changed)
    retired = await admin.post(f"/api/apis/keys/{shared['kid']}/retire?uri={uri}")
    assert [key["state"] for key in retired["encryption_keys"]] == ["retired", "retired"]
    ended = await admin.post(f"/api/apis/keys/{shared['kid']}/withdraw?uri={uri}")
    assert ended["notice"]
    shown = await admin.get("/api/apis/named", uri=uri)
    assert [key["kid"] for key in shown["encryption_keys"]] == [pair.kid]


async def test_what_cannot_be_is_refused(admin: Administrator, uri: str) -> None:
    private = PrivateEncryptionKey.generate().as_jwk()
    wrong = await admin.refused("POST", f"/api/apis/keys?uri={uri}", json={"jwk": private})
    assert wrong == (400, "invalid_request")
    for verb in ("activate", "retire", "withdraw"):
        gone = await admin.refused("POST", f"/api/apis/keys/none/{verb}?uri={uri}", json={})
        assert gone == (404, "not_found")
    nowhere = await admin.refused("POST", f"/api/apis/keys?uri={URI}/none", json={})
    assert nowhere == (404, "not_found")
    policy = {"policy": {"claims": "email"}}
    refused = await admin.refused("PATCH", f"/api/apis/named?uri={uri}", json=policy)
    assert refused == (400, "invalid_request")


async def test_a_token_that_only_reads_adds_none(place: Installation, uri: str) -> None:
    reader = await administrator(place, "counterfoil:read")
    assert WRITE != "counterfoil:read"
    refused = await reader.refused("POST", f"/api/apis/keys?uri={uri}", json={})
    assert refused == (403, "insufficient_scope")
