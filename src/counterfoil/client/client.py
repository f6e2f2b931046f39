"""The client as it is used: the same flows, blocking or async."""

import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final, Self

from msgspec import Struct

from counterfoil.client.authorization import Attempt, SignIn
from counterfoil.client.dpop import DpopKey
from counterfoil.client.flows import Flows
from counterfoil.client.registration import Registration
from counterfoil.client.tokens import Tokens
from counterfoil.net.exchange import Answer, AsyncSender, BlockingSender


class Outside(Struct, frozen=True):
    """What a client takes from outside: time in seconds since the epoch, and random bytes."""

    clock: Callable[[], float] = time.time
    random: Callable[[int], bytes] = secrets.token_bytes


REAL: Final = Outside()


class Client:
    """A client that waits for its answers. Threads may share it.

    Every method raises `HttpFailure` where no usable answer came, `Refused` where the server said
    no, and `NotTrusted` where an answer is not what was asked for. With a ``key`` every token is
    bound to it (RFC 9449), and the key is proved wherever the token is used.
    """

    def __init__(
        self, registration: Registration, outside: Outside = REAL, key: DpopKey | None = None
    ) -> None:
        self._flows = Flows(registration, outside.clock, outside.random, key)
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

        ``further`` are parameters of the request: ``prompt``, ``max_age``, ``resource`` ...
        """
        return self._sender.run(self._flows.begin(scope, further))

    def complete(self, attempt: Attempt, callback: str) -> Tokens:
        """Finish a sign-in with the URL, or its query, by which the browser came back."""
        return self._sender.run(self._flows.complete(attempt, callback))

    def refresh(self, tokens: Tokens, resource: str | None = None) -> Tokens:
        """Get fresh tokens. The refresh token that was used is spent: keep what is returned.

        A lost answer is asked for once more. Whoever is interrupted may call again within the
        server's `refresh_window`, and gets the same refresh token.
        """
        return self._sender.run(self._flows.refresh(tokens, resource))

    def client_credentials(self, scope: str = "", resource: str | None = None) -> Tokens:
        """Get a token for this client itself."""
        return self._sender.run(self._flows.client_credentials(scope, resource))

    def fetch(self, tokens: Tokens, url: str, form: Mapping[str, str] | None = None) -> Answer:
        """Call an API: a GET, or a POST of a form. Gives the answer, whatever its status."""
        return self._sender.run(self._flows.fetch(tokens, url, form))

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


class AsyncClient:
    """The same client for async code. It belongs to one event loop; it raises as `Client`."""

    def __init__(
        self, registration: Registration, outside: Outside = REAL, key: DpopKey | None = None
    ) -> None:
        self._flows = Flows(registration, outside.clock, outside.random, key)
        self._sender = AsyncSender()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._sender.aclose()

    async def begin(self, scope: str, **further: str) -> SignIn:
        """As :meth:`Client.begin`."""
        return await self._sender.run(self._flows.begin(scope, further))

    async def complete(self, attempt: Attempt, callback: str) -> Tokens:
        """As :meth:`Client.complete`."""
        return await self._sender.run(self._flows.complete(attempt, callback))

    async def refresh(self, tokens: Tokens, resource: str | None = None) -> Tokens:
        """As :meth:`Client.refresh`."""
        return await self._sender.run(self._flows.refresh(tokens, resource))

    async def client_credentials(self, scope: str = "", resource: str | None = None) -> Tokens:
        """As :meth:`Client.client_credentials`."""
        return await self._sender.run(self._flows.client_credentials(scope, resource))

    async def fetch(
        self, tokens: Tokens, url: str, form: Mapping[str, str] | None = None
    ) -> Answer:
        """As :meth:`Client.fetch`."""
        return await self._sender.run(self._flows.fetch(tokens, url, form))

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
