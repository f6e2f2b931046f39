"""What a grant type decides."""

from counterfoil.oauth.access import Access
from counterfoil.oauth.opaque import Secret
from counterfoil.server.protocol.audience import Audience
from counterfoil.server.protocol.issuance import Issuance
from counterfoil.server.records.client import Client


def test_what_was_decided_may_be_logged():
    """S110: the refresh token in it does not show itself."""
    client = Client(
        client_id="app", client_name="App", created_at=1, grant_types=(), scopes=frozenset()
    )
    issuance = Issuance(
        client=client,
        subject="u",
        access=Access(),
        audience=Audience("https://notes.example", 1, 1),
        issued_at=1,
        handle="h",
        refresh_token=Secret("very-secret"),
    )
    assert "very-secret" not in repr(issuance)
