"""A pending authorization: what a checked request asks. It travels sealed and costs no row."""

from msgspec import Struct

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.parameters import MAX_VALUE_LENGTH
from counterfoil.server.keys.sealed_text import opened_text, sealed_length, sealed_text
from counterfoil.server.keys.sealing import NotSealed, Sealing


class Pending(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An authorization request that passed every check. Times in seconds since the epoch.

    ``session`` is the fingerprint of the session cookie that came with it: where a new sign-in is
    demanded, that session is not one. ``subject_hint`` is the person that the app means, and
    ``least_acr`` the weakest class of a sign-in that will do for it. ``language`` is what it wishes
    the pages to be in, if there are any in it.
    """

    client_id: str
    redirect_uri: str
    code_challenge: str
    access: Access
    requested_at: int
    state: str | None = None
    nonce: str | None = None
    prompt: frozenset[str] = frozenset()
    max_age: int | None = None
    least_acr: str | None = None
    login_hint: str | None = None
    subject_hint: str | None = None
    session: str = ""
    dpop_jkt: str | None = None
    language: str = ""


def seal(sealing: Sealing, pending: Pending, browser: str) -> str:
    """Seal a pending authorization to the browser that began it (``browser`` names its cookie)."""
    return sealed_text(sealing, pending, _context(browser))


def is_too_long(pending: Pending) -> bool:
    """Whether it would be longer, sealed, than a parameter may be."""
    return sealed_length(pending) > MAX_VALUE_LENGTH


def unseal(sealing: Sealing, flow: str | None, browser: str, oldest: int) -> Pending:
    """Open what ``seal`` made; requests begun before ``oldest`` have expired.

    Raises:
        OAuthError: ``invalid_request`` where it is not ours, another browser's, or too old.
    """
    try:
        pending = opened_text(sealing, flow or "", _context(browser), Pending)
    except NotSealed:
        raise invalid_request(
            "This page does not belong to a sign-in that was begun in this browser. "
            "Go back to the app and begin again."
        ) from None
    if pending.requested_at < oldest:
        raise invalid_request("This sign-in was begun too long ago. Go back to the app.")
    return pending


def _context(browser: str) -> str:
    return f"pending authorization of {browser}"
