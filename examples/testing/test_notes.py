"""Tests of a guarded API, with tokens of a real server."""

from conftest import ADA, Issuer
from fastapi.testclient import TestClient


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_service_reads_until_its_token_is_ended(issuer: Issuer, api: TestClient) -> None:
    token = issuer.token("notes:read")
    assert api.get("/notes", headers=bearer(token)).json() == {"subject": "tests"}
    issuer.end(token)
    assert api.get("/notes", headers=bearer(token)).json()["error_reason"] == "revoked"


def test_a_person_needs_the_scope(issuer: Issuer, api: TestClient) -> None:
    token = issuer.token("notes:read", subject=ADA)
    assert api.get("/notes", headers=bearer(token)).status_code == 200
    refused = api.get("/notes", headers=bearer(issuer.token("notes:write", subject=ADA)))
    assert refused.json()["error_reason"] == "insufficient_scope"


def test_nobody_else_reads(api: TestClient) -> None:
    assert api.get("/notes").status_code == 401
