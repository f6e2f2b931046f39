"""Who exchanges tokens in tests: an app, an API's client, one without rights (RFC 8693)."""

from typing import Any

import httpx2

from counterfoil.oauth.delegation import ACCESS_TOKEN, GRANT_TYPE
from counterfoil.server.records.exchange_right import ExchangeRight
from tests.installation import CALLBACK, MAIL, NOTES, Installation

FILES = "https://files.example"
MAY_EXCHANGE = ("authorization_code", "refresh_token", GRANT_TYPE)
TO_MAIL = ExchangeRight(NOTES, MAIL, "mail:send")
APP_SCOPES = frozenset({"openid", "offline_access", "notes:read", "notes:write"})


async def furnish_exchange(place: Installation) -> None:
    """Add two APIs; ``teller``, an app that may exchange; ``notes-api`` and ``mail-api``, which may
    act for whoever calls them; ``stranger``, which may exchange and has no right to anything."""
    await place.add_api(MAIL, "Mail", {"mail:send": "Send mail", "mail:read": "Read mail"})
    await place.add_api(FILES, "Files", {"files:read": "Read files"})
    app = {"grant_types": MAY_EXCHANGE, "redirect_uris": (CALLBACK,), "scopes": APP_SCOPES}
    await place.add_client("teller", **app)
    await place.add_client("pocket", public=True, **app)
    service = {"grant_types": ("client_credentials", GRANT_TYPE)}
    await place.add_client("notes-api", exchange_rights=(TO_MAIL,), **service)
    further = ExchangeRight(MAIL, FILES, "files:read")
    await place.add_client("mail-api", exchange_rights=(further,), **service)
    await place.add_client("stranger", **service)


async def exchanged(
    place: Installation, client_id: str, subject: str, **form: Any
) -> httpx2.Response:
    """A request to exchange a token."""
    asked = {
        "grant_type": GRANT_TYPE,
        "subject_token": subject,
        "subject_token_type": ACCESS_TOKEN,
        **form,
    }
    return await place.post("/token", client_id, **asked)


async def child_of(place: Installation, client_id: str, subject: str, **form: Any) -> str:
    """The token that a subject token is exchanged for."""
    answer = await exchanged(place, client_id, subject, **form)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def refused(answer: httpx2.Response) -> tuple[str, str | None]:
    """The error, and the reason, of a refusal."""
    assert answer.status_code == 400, answer.text
    return answer.json()["error"], answer.json().get("error_reason")
