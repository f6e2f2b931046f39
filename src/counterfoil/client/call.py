"""One call of an API by any HTTP library: where the token may go, and when to call once more.

Pure but for the proofs, which are made here (RFC 6750 §3.1, RFC 9449 §9).
"""

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from counterfoil.client.dpop import Prover
from counterfoil.client.tokens import Tokens
from counterfoil.net.http import demand_safe
from counterfoil.oauth.challenge_reading import parameter_in


class Places(Struct, frozen=True):
    """The addresses that a token is for: each an origin, or an origin and the path below which."""

    addresses: tuple[str, ...]

    @classmethod
    def of(cls, addresses: Sequence[str]) -> "Places":
        """Take addresses.

        Raises:
            ValueError: there is none, or one that must not be called.
        """
        if not addresses:
            raise ValueError("say for which API the token is, such as https://api.example")
        return cls(tuple(demand_safe(address) for address in addresses))

    def demand(self, url: str) -> None:
        """Let only these addresses pass: a token that goes elsewhere is given away.

        Raises:
            ValueError: the URL is none of them, or must not be called at all.
        """
        demand_safe(url)
        if not any(is_below(url, address) for address in self.addresses):
            shown = " or ".join(self.addresses)
            raise ValueError(f"this token is for {shown}, and not for {origin_of(url)}")


class Calls(Struct, frozen=True):
    """The calls that go to some places. ``write`` writes the headers for one of them."""

    places: Places
    write: Callable[[Tokens, str, str], dict[str, str]]
    prover: Prover | None

    def call(self, url: str, *, may_repeat: bool) -> "Call":
        """Begin one. ``may_repeat``: its body can be sent a second time.

        Raises:
            ValueError: the token is not for this address.
        """
        self.places.demand(url)
        return Call(self, url, may_repeat=may_repeat)


class Call:
    """One call: write ``headers`` with tokens, send, and ask what was ``heard``.

    If it is to be made once more, then with other tokens than those ``refused``.
    """

    def __init__(self, calls: Calls, url: str, *, may_repeat: bool) -> None:
        self.refused = ""
        self._calls = calls
        self._url = url
        self._may_repeat = may_repeat
        self._used = ""
        self._had_nonce = False

    def headers(self, tokens: Tokens, method: str) -> dict[str, str]:
        """Write the headers; a proof is good once."""
        self._used = tokens.access_token
        return self._calls.write(tokens, method, self._url)

    def heard(self, url: str, status: int, headers: Mapping[str, str]) -> bool:
        """Heed an answer that came from ``url``, and say whether to make the call once more.

        Somebody else, to whom the API may have redirected, is not heeded.
        """
        if origin_of(url) != origin_of(self._url):
            return False
        nonce = headers.get("dpop-nonce", "")
        if self._calls.prover is not None:
            self._calls.prover.note_nonce(self._url, nonce)
        if status != 401 or not self._may_repeat:
            return False
        error = parameter_in(headers.get("www-authenticate", ""), "error")
        if error == "use_dpop_nonce" and nonce and not self._had_nonce:
            self._had_nonce = True
            return True
        if error == "invalid_token" and not self.refused:
            self.refused = self._used
            return True
        return False


def origin_of(url: str) -> str:
    """Give scheme, host and port, in one spelling (RFC 6454 §4)."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme, 0)
    return f"{parts.scheme.lower()}://{(parts.hostname or '').lower()}:{port}"


def is_below(url: str, address: str) -> bool:
    """Whether a URL is an address or lies below it, on the very same origin."""
    if origin_of(url) != origin_of(address):
        return False
    path, above = urlsplit(url).path or "/", urlsplit(address).path.rstrip("/")
    if not above:
        return True
    # Who may decode it, and how often, is not known here: a way out is no way in.
    steps = unquote(unquote(path)).replace("\\", "/").split("/")
    return ".." not in steps and (path == above or path.startswith(f"{above}/"))
