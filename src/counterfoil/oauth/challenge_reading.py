"""What a refusal says to a client: ``WWW-Authenticate``, read (RFC 9110 §11.6.1). Pure."""

import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER: Final = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_TOKEN68: Final = r"[ \t]+[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))"
_SCHEME: Final = re.compile(rf"({_TOKEN})(?=[ \t]|,|$)(?![ \t]*=)(?:{_TOKEN68})?")
_BETWEEN: Final = re.compile(r"[ \t,]*")
_MAX_LENGTH: Final = 16 * 1024


class Said(Struct, frozen=True):
    """One challenge: its scheme in lower case, and its parameters, names in lower case."""

    scheme: str
    parameters: Mapping[str, str]


def challenges_in(header: str) -> tuple[Said, ...]:
    """Read every challenge as far as it can be read; what is malformed ends the reading.

    A parameter that is given twice counts as its first.
    """
    found: list[tuple[str, dict[str, str]]] = []
    text, at = header[:_MAX_LENGTH], 0
    while True:
        at = _end_of(_BETWEEN.match(text, at), at)
        parameter = _PARAMETER.match(text, at)
        if parameter is not None and found:
            name, quoted, bare = parameter.groups()
            value = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1][1].setdefault(name.lower(), value)
            at = parameter.end()
            continue
        scheme = _SCHEME.match(text, at)
        if scheme is None:
            return tuple(Said(name, parameters) for name, parameters in found)
        found.append((scheme[1].lower(), {}))
        at = scheme.end()


def parameter_in(header: str, name: str) -> str:
    """Give a parameter of the first challenge of a token's scheme that has it; empty: none has."""
    for said in challenges_in(header):
        if said.scheme in {"bearer", "dpop"} and said.parameters.get(name):
            return said.parameters[name]
    return ""


def _end_of(match: re.Match[str] | None, at: int) -> int:
    return at if match is None else match.end()
