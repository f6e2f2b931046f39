"""Where a person goes after a sign-in: a path of this site, and never elsewhere (S103). Pure."""

import re
from typing import Final
from urllib.parse import urlencode

LONGEST: Final = 1024
_LOCAL: Final = re.compile(r"/(?!/)[\x21\x23-\x5b\x5d-\x7e]*")
"""Visible ASCII without quote and backslash, which some browsers take for a slash."""


def local(unverified: str | None, home: str, own: str) -> str:
    """Give the path if it is one of this site's pages, else ``home``.

    ``own`` is the path below which the backend-for-frontend itself answers: no page is there.
    """
    if unverified is None or len(unverified) > LONGEST or not _LOCAL.fullmatch(unverified):
        return home
    path = re.split(r"[?#]", unverified.lower(), maxsplit=1)[0].replace("%2e", ".")
    if "//" in path or "/." in path or f"{path}/".startswith(f"{own.lower()}/"):
        return home
    return unverified


def with_error(path: str, error: str) -> str:
    """Give the path with ``sign_in_error`` in its query, for the page to tell the person."""
    before, hash_sign, fragment = path.partition("#")
    joint = "&" if "?" in before else "?"
    return f"{before}{joint}{urlencode({'sign_in_error': error})}{hash_sign}{fragment}"
