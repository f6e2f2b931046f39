"""Where somebody goes on once they have signed in; every page of signing in carries it along."""

from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlencode

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from counterfoil.oauth.parameters import Parameters
from counterfoil.server.identity.session_start import NewSession
from counterfoil.server.pages.known import keep_known
from counterfoil.server.pages.remembered import keep_remembered
from counterfoil.server.protocol.endings import Ends
from counterfoil.server.web.browser import go
from counterfoil.server.web.flow import Flow, flow_in
from counterfoil.server.web.server import Server

DEVICE: Final = "device"
"""What ``next`` says where somebody signs in to let a device in."""
TOKENS: Final = "tokens"
"""Where they sign in to make a token by hand."""
PASSWORD: Final = "password"
SECURITY: Final = "security"
AUTHENTICATOR: Final = "authenticator"
"""Where they sign in to set an authenticator app up."""
NOT_ME: Final = "not_me"
DATA: Final = "data"
DELETION: Final = "delete"
"""Where they sign in to say that something was not them, to take their data, to delete it all."""
EMAIL: Final = "email"
"""Where they sign in to change their address,"""
EMAIL_LINK: Final = "email-link"
"""and where they have opened the link that was sent to the new one."""
PROVIDERS: Final = "providers"
"""Where they sign in to see to their accounts elsewhere."""
PASSKEYS: Final = "passkeys"
NEW_PASSKEY: Final = "passkey"
"""Where they sign in to see to their passkeys, or to add one."""
MINT_RIGHT: Final = "mint-right"
"""Where an administrator signs in to let a client mint for people."""
OTHERS: Final = "others"
"""Where they sign in to sign out everywhere else,"""
FORGET: Final = "forget"
"""and, by an address from before, to let a browser be remembered no more."""
ENDED: Final = (
    Ends.GRANT,
    Ends.APP_SESSIONS,
    Ends.FAMILY,
    Ends.SESSION,
    Ends.REMEMBERED,
    Ends.USER,
    Ends.PERSONAL_TOKEN,
)
"""What they sign in to end."""


def end_word(kind: Ends) -> str:
    """Give what ``next`` says where somebody signs in to end something of this kind."""
    return f"end-{kind.value}"


class _Way(Struct, frozen=True):
    """A page below the prefix, and the one value that is carried to it, by name.

    Where the path has room for it (``{}``), it goes there.
    """

    path: str
    carried: str = ""


_WAYS: Final = MappingProxyType(
    {
        DEVICE: _Way("device", "user_code"),
        TOKENS: _Way("account/tokens/new", "api"),
        PASSWORD: _Way("account/password"),
        SECURITY: _Way("account/security"),
        AUTHENTICATOR: _Way("sign-in/authenticator?next=security"),
        NOT_ME: _Way("account/not-me", "about"),
        DATA: _Way("account/data"),
        DELETION: _Way("account/delete"),
        PASSKEYS: _Way("account/passkeys"),
        PROVIDERS: _Way("account/providers"),
        NEW_PASSKEY: _Way("account/passkeys/new"),
        **{end_word(kind): _Way(f"account/end/{kind.value}/{{}}", "name") for kind in ENDED},
        OTHERS: _Way("account/devices/others"),
        FORGET: _Way("account/devices/forget/{}", "name"),
        MINT_RIGHT: _Way("admin/clients/{}/mint-right", "client"),
        EMAIL: _Way("account/email"),
        EMAIL_LINK: _Way("account/email/confirm"),
    }
)
"""Every other word is nothing."""


_NO_NAMES: Final = ("", ".", "..")
"""In a path a browser would take the dots for another page."""


class Onward(Struct, frozen=True):
    """Where somebody goes on: with an app's flow, to a page by a word, or to their account.

    ``carried``: what the form and the address beyond it carry along.
    """

    flow: Flow | None = None
    next: str = ""
    carried: str = ""

    @property
    def path(self) -> str:
        """Below the prefix."""
        if self.flow is not None:
            return f"authorize/continue?flow={quote(self.flow.sealed)}"
        way = _WAYS.get(self.next)
        if way is None:
            return "account/apps"
        if "{}" in way.path:
            return way.path.format(quote(self.carried, safe=""))
        return f"{way.path}?{urlencode({way.carried: self.carried})}" if self.carried else way.path

    @property
    def fields(self) -> tuple[tuple[str, str], ...]:
        """What a form carries along, besides the flow."""
        if not self.next:
            return ()
        carried = ((_WAYS[self.next].carried, self.carried),) if self.carried else ()
        return (("next", self.next), *carried)

    @property
    def query(self) -> str:
        """What the address of another page of signing in carries along, with its mark."""
        flow = (("flow", self.flow.sealed),) if self.flow is not None else ()
        pairs = (*flow, *self.fields)
        return f"?{urlencode(pairs)}" if pairs else ""


def onward_in(server: Server, request: Request, parameters: Parameters) -> Onward:
    """Read where somebody goes on.

    Raises:
        OAuthError: the flow is not of this browser, or too old.
    """
    sealed = parameters.get("flow")
    if sealed:
        return Onward(flow_in(server, request, sealed))
    word = parameters.get("next") or ""
    way = _WAYS.get(word)
    if way is None:
        return Onward()
    carried = (parameters.get(way.carried) or "") if way.carried else ""
    if "{}" in way.path and carried in _NO_NAMES:
        return Onward()
    return Onward(next=word, carried=carried)


def sign_in_first(server: Server, onward: Onward) -> Response:
    """Send somebody to sign in, and on from there."""
    return go(f"{server.prefix}/sign-in{onward.query}")


async def enter(server: Server, request: Request, begun: NewSession, onward: Onward) -> Response:
    """Give a browser its new session, and send it on."""
    response = go(f"{server.prefix}/{onward.path}")
    await set_session(server, request, begun, response)
    return response


async def set_session(
    server: Server, request: Request, begun: NewSession, response: Response
) -> None:
    """Give a browser its new session; half a sign-in is none any more.

    Whoever has signed in anew is known by it, and remembered if they wish it.
    """
    session, idle = begun.session, server.authority.settings.session_idle_lifetime
    lifetime = session.cookie_lifetime(session.cookie_set_at, idle)
    server.cookies.set_session(response, begun.secret, lifetime)
    server.cookies.clear_half(request, response)
    if begun.generation:
        keep_known(server, request, response, session, begun.generation)
        await keep_remembered(server, request, begun, response)
