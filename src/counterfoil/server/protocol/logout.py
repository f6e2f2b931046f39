"""Logout that an app asks for (OpenID Connect RP-Initiated Logout 1.0)."""

from msgspec import Struct

from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.id_token import IdToken
from counterfoil.oauth.parameters import Parameters, appended
from counterfoil.server.protocol import id_token_hint
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.client import Client
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction


class LogoutRequest(Struct, frozen=True):
    """A checked request: whose app asks, whose session it means, where to go afterwards."""

    client: Client | None
    hint: IdToken | None
    return_to: str | None

    def means(self, session: Session) -> bool:
        """Whether the ID token names this session, so that nobody has to be asked."""
        return self.hint is not None and self.hint.sid == session.id


async def read(authority: Authority, tx: Transaction, parameters: Parameters) -> LogoutRequest:
    """Read a logout request (§2, §3). An ID token whose key has gone counts as none.

    Raises:
        OAuthError: ``invalid_request``; it is shown on a page, never sent to the app.
    """
    unverified = parameters.get("id_token_hint")
    shown = id_token_hint.read(authority, unverified, tx.now) if unverified else None
    hint = shown.token if shown and shown.is_genuine else None
    client_id = parameters.get("client_id")
    if hint is not None and client_id not in (None, hint.aud):
        raise invalid_request("The parameter client_id is not the app of the ID token.")
    named = client_id or (hint.aud if hint else None)
    client = await tx.clients.find(named) if named else None
    if named and client is None:
        raise invalid_request("The parameter client_id names no app that is known here.")
    return LogoutRequest(client, hint, _return_to(client, parameters))


def _return_to(client: Client | None, parameters: Parameters) -> str | None:
    uri = parameters.get("post_logout_redirect_uri")
    if uri is None:
        return None
    if client is None or not client.is_enabled or uri not in client.post_logout_redirect_uris:
        raise invalid_request(
            "The parameter post_logout_redirect_uri is not one that the app registered."
        )
    state = parameters.get("state")
    return uri if state is None else appended(uri, {"state": state})
