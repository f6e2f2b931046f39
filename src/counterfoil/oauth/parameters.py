"""Request parameters, read once: a name given twice is refused (OAuth 2.1 §3.1, §3.2.2)."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote_plus, unquote_plus

from msgspec import Struct

from counterfoil.oauth.errors import OAuthError, invalid_request

REPEATABLE: Final = frozenset({"resource"})
MAX_PARAMETERS: Final = 64
MAX_VALUE_LENGTH: Final = 8192
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.~-]*")
"""What a form holds as it is."""


class Parameters(Struct, frozen=True):
    """The parameters of one request; ``repeated`` holds those that may come more than once."""

    single: Mapping[str, str]
    repeated: Mapping[str, tuple[str, ...]]

    @classmethod
    def parse(
        cls,
        encoded: bytes | str,
        repeatable: frozenset[str] = REPEATABLE,
        most: int = MAX_PARAMETERS,
    ) -> "Parameters":
        """Read a query string or an ``application/x-www-form-urlencoded`` body.

        A parameter sent without a value is treated as if it was omitted (RFC 6749 §3.1). Only
        those named in ``repeatable`` may come more than once; with them there may be ``most``.

        Raises:
            OAuthError: ``invalid_request``, naming the parameter and what is wrong with it.
        """
        single: dict[str, str] = {}
        repeated: dict[str, tuple[str, ...]] = {}
        for name, value in _pairs_of(encoded, most):
            _demand_well_formed(name, value)
            if name in repeatable:
                if value:
                    repeated[name] = (*repeated.get(name, ()), value)
            elif name in single:
                raise invalid_request(f"The parameter {_shown(name)} is given more than once.")
            else:
                single[name] = value
        if len(single) > MAX_PARAMETERS:
            raise _too_many(MAX_PARAMETERS)
        return cls({name: value for name, value in single.items() if value}, repeated)

    def __repr__(self) -> str:
        """Name the parameters; among their values are codes, passwords and secrets."""
        return f"Parameters({', '.join([*self.single, *self.repeated])})"

    def get(self, name: str) -> str | None:
        """Give the parameter's value, or ``None`` where it is missing or empty."""
        return self.single.get(name)

    def require(self, name: str) -> str:
        """Give the parameter's value.

        Raises:
            OAuthError: ``invalid_request`` where it is missing or empty.
        """
        value = self.single.get(name)
        if value is None:
            raise invalid_request(f"The parameter {name} is missing.")
        return value

    def every(self, name: str) -> tuple[str, ...]:
        """Give all values of a parameter that may be repeated, such as ``resource``."""
        return self.repeated.get(name, ())


def appended(uri: str, parameters: Mapping[str, str]) -> str:
    """Give a redirect URI with parameters added to the query that it has (RFC 6749 §3.1.2)."""
    before, _, query = uri.partition("?")
    joint = "&" if query and not query.endswith("&") else ""
    pairs = [f"{form_encoded(name)}={form_encoded(value)}" for name, value in parameters.items()]
    return f"{before}?{query}{joint}{'&'.join(pairs)}"


def _pairs_of(encoded: bytes | str, most: int) -> list[tuple[str, str]]:
    try:
        text = encoded.decode("ascii") if isinstance(encoded, bytes) else encoded
        if text.count("&") >= most:
            raise _too_many(most)
        # urllib's parse_qsl does the same in three times the time.
        pairs = [pair.partition("=") for pair in text.split("&") if pair]
        return [(form_decoded(name), form_decoded(value)) for name, _, value in pairs]
    except UnicodeDecodeError:
        raise invalid_request("The parameters are not percent-encoded UTF-8.") from None


def form_decoded(text: str) -> str:
    """Decode a name or a value of a form (WHATWG URL, "application/x-www-form-urlencoded").

    Raises:
        UnicodeDecodeError: it is not UTF-8.
    """
    return unquote_plus(text, errors="strict") if "%" in text or "+" in text else text


def form_encoded(text: str) -> str:
    """Encode a name or a value of a form, as ``form_decoded`` reads it."""
    return text if _PLAIN.fullmatch(text) else quote_plus(text)


def _too_many(most: int) -> OAuthError:
    return invalid_request(f"There are more than {most} parameters.")


def _demand_well_formed(name: str, value: str) -> None:
    if not name or not name.isprintable() or len(name) > 128:
        raise invalid_request("A parameter's name is empty, too long or not printable.")
    if len(value) > MAX_VALUE_LENGTH:
        raise invalid_request(
            f"The parameter {_shown(name)} is longer than {MAX_VALUE_LENGTH} characters."
        )
    if "\x00" in value:
        raise invalid_request(f"The parameter {_shown(name)} holds a NUL character.")


def _shown(name: str) -> str:
    """Show a name that a stranger chose within RFC 6749's characters for a description."""
    return "".join(c if " " <= c <= "~" and c not in '"\\' else "?" for c in name[:64])
