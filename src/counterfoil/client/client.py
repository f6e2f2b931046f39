"""The client as it is used: the same flows, blocking or async."""

from collections.abc import Callable, Mapping
from typing import Self, TypedDict, Unpack

from counterfoil.client import terminal
from counterfoil.client.authorization import Attempt, SignIn
from counterfoil.client.cache import Cache, Entry, MemoryCache
from counterfoil.client.client_key import ClientKey
from counterfoil.client.device import DeviceSignIn
from counterfoil.client.dpop import DpopKey
from counterfoil.client.flows import Flows
from counterfoil.client.holder import AsyncHolder, Holder
from counterfoil.client.holding import Holding
from counterfoil.client.outside import REAL, Outside
from counterfoil.client.registration import Registration
from counterfoil.client.tokens import Tokens
from counterfoil.net.exchange import Answer, AsyncSender, BlockingSender, Message, Request
from counterfoil.oauth.logout_token import Ended


class Options(TypedDict, total=False):
    """What a client may be given besides its name and its credential.

    ``dpop_key``: every token is bound to it (RFC 9449). ``cache``: where holders keep tokens;
    default: in memory.
    """

    redirect_uri: str
    post_logout_redirect_uri: str
    dpop_key: DpopKey
    cache: Cache
    outside: Outside


class Client:
    """A client that waits for its answers. Threads may share it; a fork may not: make one after it.

    ``credential`` is its secret or its `ClientKey`; a public client has none. What the issuer can
    do is read from its metadata when it is first needed.

    Every method raises `HttpFailure` where no usable answer came, `Refused` where the server said
    no, and `NotTrusted` where an answer is not what was asked for.
    """

    def __init__(
        self,
        issuer: str,
        client_id: str,
        credential: str | ClientKey | None = None,
        **options: Unpack[Options],
    ) -> None:
        registration = registered(issuer, client_id, credential, options)
        self._flows = Flows(registration, options.get("outside", REAL), options.get("dpop_key"))
        self._cache = cache_of(options)
        self._sender = BlockingSender()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._sender.close()

    def begin(self, scope: str, **further: str) -> SignIn:
        """Begin a sign-in: where to send the browser, and what to keep until it is back.

        ``further`` are parameters of the request: ``redirect_uri`` (default: the client's own),
        ``prompt``, ``max_age``, ``resource`` ...
        """
        return self._sender.run(self._flows.begin(scope, further))

    def complete(self, attempt: Attempt, callback: str) -> Tokens:
        """Finish a sign-in with the URL, or its query, by which the browser came back."""
        return self._sender.run(self._flows.complete(attempt, callback))

    def sign_in(
        self, scope: str, *, resource: str = "", tell: Callable[[str], None] = print
    ) -> Tokens:
        """Sign somebody in by the browser of this machine, for a program in a terminal.

        ``tell`` is given the URL too, for whoever has to open it by hand. The client needs the
        redirect URI ``http://127.0.0.1/callback``. It waits five minutes.
        """
        return terminal.sign_in(self, scope, tell, resource)

    def begin_device(self, scope: str, resource: str | None = None) -> DeviceSignIn:
        """Begin a sign-in on another device: what to show to the person (RFC 8628)."""
        return self._sender.run(self._flows.begin_device(scope, resource))

    def finish_device(self, device: DeviceSignIn) -> Tokens:
        """Wait until the person has decided there. `Refused` where they did not, or not in time."""
        return self._sender.run(self._flows.finish_device(device))

    def client_credentials(self, scope: str = "", resource: str | None = None) -> Tokens:
        """Get a token for this client itself. `service` keeps one."""
        return self._sender.run(self._flows.client_credentials(scope, resource))

    def refresh(self, tokens: Tokens, resource: str | None = None) -> Tokens:
        """Get fresh tokens. The refresh token that was used is spent: keep what is returned.

        A lost answer is asked for once more. Whoever is interrupted may call again within the
        server's `refresh_window`, and gets the same refresh token. `holder` does all that.
        """
        return self._sender.run(self._flows.refresh(tokens, resource))

    def exchange(self, subject_token: str, scope: str = "", **further: str) -> Tokens:
        """Exchange a token for one that is worth less, or to act for others elsewhere (RFC 8693).

        ``further`` are parameters of the request: ``lifetime``, ``resource``, ``may_act``,
        ``actor_token``, ``url`` ...
        """
        return self._sender.run(self._flows.exchange(subject_token, scope, further))

    def ticket(self, subject_token: str, url: str, **further: str) -> str:
        """Exchange a token for a ticket to one URL, and give the URL with it: for a link.

        ``further``: ``lifetime``, ``ticket_once``, ``ticket_headers`` (a JSON object) ...
        """
        return self._sender.run(self._flows.ticket(subject_token, url, further))

    def holder(self, scope: str = "", *, resource: str = "", subject: str = "") -> Holder:
        """Hold tokens of a person, and keep them fresh: give it those of a sign-in to ``take``.

        With a cache that lasts, a holder of the same words finds what an earlier one has kept.
        ``subject`` is any word that tells two people apart who use this client here.
        """
        entry = entry_of(self._flows, scope, resource, subject)
        return Holder(Holding(self._flows, self._cache, entry, for_itself=False), self._sender)

    def service(self, scope: str = "", *, resource: str = "") -> Holder:
        """Hold tokens for this client itself, and keep them fresh (client credentials)."""
        entry = entry_of(self._flows, scope, resource, "")
        return Holder(Holding(self._flows, self._cache, entry, for_itself=True), self._sender)

    def fetch(
        self,
        tokens: Tokens,
        url: str,
        form: Mapping[str, str] | None = None,
        message: Message | None = None,
    ) -> Answer:
        """Call an API: a GET, a POST of a form, or any message. Gives the answer as it is."""
        return self._sender.run(self._flows.fetch(tokens, Request(url, form, message=message)))

    def headers(self, tokens: Tokens, method: str, url: str) -> dict[str, str]:
        """Write the headers for one call of an API by other means; a proof is good once."""
        return self._flows.headers(tokens, method, url)

    def note_nonce(self, url: str, nonce: str) -> None:
        """Keep the ``DPoP-Nonce`` of an answer that came by other means, for the next headers."""
        if self._flows.prover is not None:
            self._flows.prover.note_nonce(url, nonce)

    def revoke(self, token: str) -> None:
        """Give a token back; a refresh token with all that hangs on it."""
        self._sender.run(self._flows.revoke(token))

    def logout_url(self, tokens: Tokens | None = None, state: str = "") -> str:
        """Say where to send the browser to sign the person out."""
        return self._sender.run(self._flows.logout_url(tokens, state))

    def read_logout_token(self, unverified: str) -> Ended:
        """Say whose session has ended, by a logout token (OpenID Connect Back-Channel Logout).

        Raises:
            NotTrusted: it is not the server's, not for this client, or no logout token.
        """
        return self._sender.run(self._flows.read_logout_token(unverified))


class AsyncClient:
    """The same client for async code. It belongs to one event loop; it raises as `Client`."""

    def __init__(
        self,
        issuer: str,
        client_id: str,
        credential: str | ClientKey | None = None,
        **options: Unpack[Options],
    ) -> None:
        registration = registered(issuer, client_id, credential, options)
        self._flows = Flows(registration, options.get("outside", REAL), options.get("dpop_key"))
        self._cache = cache_of(options)
        self._sender = AsyncSender()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._sender.aclose()

    @property
    def registration(self) -> Registration:
        """Who the client is, as the server has it registered."""
        return self._flows.registration

    async def begin(self, scope: str, **further: str) -> SignIn:
        """As :meth:`Client.begin`."""
        return await self._sender.run(self._flows.begin(scope, further))

    async def complete(self, attempt: Attempt, callback: str) -> Tokens:
        """As :meth:`Client.complete`."""
        return await self._sender.run(self._flows.complete(attempt, callback))

    async def sign_in(
        self, scope: str, *, resource: str = "", tell: Callable[[str], None] = print
    ) -> Tokens:
        """As :meth:`Client.sign_in`."""
        return await terminal.sign_in_async(self, scope, tell, resource)

    async def begin_device(self, scope: str, resource: str | None = None) -> DeviceSignIn:
        """As :meth:`Client.begin_device`."""
        return await self._sender.run(self._flows.begin_device(scope, resource))

    async def finish_device(self, device: DeviceSignIn) -> Tokens:
        """As :meth:`Client.finish_device`."""
        return await self._sender.run(self._flows.finish_device(device))

    async def client_credentials(self, scope: str = "", resource: str | None = None) -> Tokens:
        """As :meth:`Client.client_credentials`."""
        return await self._sender.run(self._flows.client_credentials(scope, resource))

    async def refresh(self, tokens: Tokens, resource: str | None = None) -> Tokens:
        """As :meth:`Client.refresh`."""
        return await self._sender.run(self._flows.refresh(tokens, resource))

    async def exchange(self, subject_token: str, scope: str = "", **further: str) -> Tokens:
        """As :meth:`Client.exchange`."""
        return await self._sender.run(self._flows.exchange(subject_token, scope, further))

    async def ticket(self, subject_token: str, url: str, **further: str) -> str:
        """As :meth:`Client.ticket`."""
        return await self._sender.run(self._flows.ticket(subject_token, url, further))

    def holder(self, scope: str = "", *, resource: str = "", subject: str = "") -> AsyncHolder:
        """As :meth:`Client.holder`."""
        entry = entry_of(self._flows, scope, resource, subject)
        return AsyncHolder(Holding(self._flows, self._cache, entry, for_itself=False), self._sender)

    def service(self, scope: str = "", *, resource: str = "") -> AsyncHolder:
        """As :meth:`Client.service`."""
        entry = entry_of(self._flows, scope, resource, "")
        return AsyncHolder(Holding(self._flows, self._cache, entry, for_itself=True), self._sender)

    async def fetch(
        self,
        tokens: Tokens,
        url: str,
        form: Mapping[str, str] | None = None,
        message: Message | None = None,
    ) -> Answer:
        """As :meth:`Client.fetch`."""
        request = Request(url, form, message=message)
        return await self._sender.run(self._flows.fetch(tokens, request))

    def headers(self, tokens: Tokens, method: str, url: str) -> dict[str, str]:
        """As :meth:`Client.headers`."""
        return self._flows.headers(tokens, method, url)

    def note_nonce(self, url: str, nonce: str) -> None:
        """As :meth:`Client.note_nonce`."""
        if self._flows.prover is not None:
            self._flows.prover.note_nonce(url, nonce)

    async def revoke(self, token: str) -> None:
        """As :meth:`Client.revoke`."""
        await self._sender.run(self._flows.revoke(token))

    async def logout_url(self, tokens: Tokens | None = None, state: str = "") -> str:
        """As :meth:`Client.logout_url`."""
        return await self._sender.run(self._flows.logout_url(tokens, state))

    async def read_logout_token(self, unverified: str) -> Ended:
        """As :meth:`Client.read_logout_token`."""
        return await self._sender.run(self._flows.read_logout_token(unverified))


def registered(
    issuer: str, client_id: str, credential: str | ClientKey | None, options: Options
) -> Registration:
    """Put together who the client is.

    Raises:
        TypeError: there is no such option; one misspelt would protect nothing.
    """
    unknown = options.keys() - Options.__annotations__.keys()
    if unknown:
        raise TypeError(f"a client has no option {', '.join(sorted(unknown))}")
    return Registration(
        issuer=issuer,
        client_id=client_id,
        credential=credential,
        redirect_uri=options.get("redirect_uri", ""),
        post_logout_redirect_uri=options.get("post_logout_redirect_uri", ""),
    )


def cache_of(options: Options) -> Cache:
    """Give the cache that was given, also where it is empty and so counts as false.

    Raises:
        TypeError: it is none, but perhaps the directory of one.
    """
    cache = options.get("cache")
    if cache is None:
        return MemoryCache()
    if not hasattr(cache, "try_lock"):
        raise TypeError(f"a {type(cache).__name__} is no cache: write FileCache(directory)")
    return cache


def entry_of(flows: Flows, scope: str, resource: str, subject: str) -> Entry:
    """Name the tokens of a client."""
    who = flows.registration
    return Entry(
        issuer=who.issuer,
        client_id=who.client_id,
        resource=resource,
        scope=scope,
        subject=subject,
    )
