"""The target URI of a request in its normal form, without query (RFC 3986 §6.2, RFC 9110 §7.1)."""

import re
from typing import Final
from urllib.parse import urlsplit

_USUAL_PORTS: Final = {"http": "80", "https": "443"}
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def normalised(uri: str) -> str | None:
    """Give the URI in the one form in which two that mean the same are equal.

    Scheme and host in lower case, no default port, escapes only where they are needed and in
    capitals, no dot segments; query and fragment are left out (RFC 9449 §4.3). ``None`` where it
    is no http or https URI.
    """
    if _VISIBLE.fullmatch(uri) is None or "\\" in uri:
        return None
    try:
        parts = urlsplit(uri)
        host = parts.hostname
        port = "" if parts.port is None else str(parts.port)
    except ValueError:
        return None
    if parts.scheme not in _USUAL_PORTS or not host or "@" in parts.netloc or "%" in parts.netloc:
        return None
    if _BROKEN_ESCAPE.search(parts.path):
        return None
    shown = f"[{host}]" if ":" in host else host
    authority = shown if port in ("", _USUAL_PORTS[parts.scheme]) else f"{shown}:{port}"
    return f"{parts.scheme}://{authority}{_without_dots(_ESCAPE.sub(_escape, parts.path))}"


def _escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def _without_dots(path: str) -> str:
    """Take out ``.`` and ``..`` (RFC 3986 §5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)
