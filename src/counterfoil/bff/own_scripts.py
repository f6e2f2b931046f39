"""Whether a request was made by a script of this app: the defence against CSRF. Pure.

Three signs, each enough where browsers are as they should be: a header that no form and no link
can send, and no script of another origin without a preflight, which is never granted;
``Sec-Fetch-Site``; and ``Origin``. The session's cookie is ``SameSite=Strict`` besides.
"""

from typing import Final

from counterfoil.bff.asgi import Request, TurnedAway

HEADER: Final = "X-Counterfoil-BFF"
_READING: Final = frozenset({"GET", "HEAD"})


def demand_own_script(request: Request, origin: str) -> None:
    """Let only requests pass that a script of the app itself made.

    Raises:
        TurnedAway: it was another site, a form, a link or an image.
    """
    if request.header(HEADER.lower()) != "1":
        raise _foreign(f"Send the header {HEADER}: 1 with every request of this app's scripts.")
    sites, origins = request.values("sec-fetch-site"), request.values("origin")
    if any(site != "same-origin" for site in sites) or any(each != origin for each in origins):
        raise _foreign("This request comes from another site.")
    if request.method not in _READING and not sites and not origins:
        raise _foreign("This request does not say where it comes from.")


def demand_navigation(request: Request) -> None:
    """Let only a browser's own window pass: no frame, no image, no script, and nobody's guess.

    Raises:
        TurnedAway: it is something else.
    """
    ahead = any("prefetch" in purpose for purpose in request.values("sec-purpose"))
    if ahead or any(each != "document" for each in request.values("sec-fetch-dest")):
        raise TurnedAway(403, "not_a_navigation", "Open this address as a page of its own.")


def _foreign(sentence: str) -> TurnedAway:
    return TurnedAway(403, "not_own_script", sentence)
