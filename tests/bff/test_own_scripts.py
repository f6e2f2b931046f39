"""Which requests are of the app's own scripts, and which of windows."""

import pytest

from counterfoil.bff.asgi import Request, TurnedAway
from counterfoil.bff.own_scripts import demand_navigation, demand_own_script

ORIGIN = "https://shop.example"
OWN = {"x-counterfoil-bff": "1", "origin": ORIGIN, "sec-fetch-site": "same-origin"}


def request(method: str, headers: dict[str, str]) -> Request:
    return Request(method, "/api", headers=tuple(headers.items()))


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_script_of_the_app_passes(method: str):
    demand_own_script(request(method, OWN), ORIGIN)


def test_reading_needs_no_origin():
    """Browsers send none with a GET."""
    demand_own_script(request("GET", {"x-counterfoil-bff": "1"}), ORIGIN)


@pytest.mark.parametrize(
    ("method", "changed"),
    [
        ("GET", {"x-counterfoil-bff": None}),
        ("POST", {"x-counterfoil-bff": None}),
        ("POST", {"x-counterfoil-bff": "0"}),
        ("POST", {"origin": "https://evil.example"}),
        ("POST", {"origin": "null"}),
        ("POST", {"origin": "http://shop.example"}),
        ("POST", {"origin": "https://shop.example:8443"}),
        ("GET", {"sec-fetch-site": "cross-site"}),
        ("GET", {"sec-fetch-site": "same-site"}),
        ("GET", {"sec-fetch-site": "none"}),
        ("POST", {"origin": None, "sec-fetch-site": None}),
    ],
)
def test_whatever_else_is_turned_away(method: str, changed: dict[str, str | None]):
    """S103: each sign alone is enough to refuse."""
    headers = {name: value for name, value in (OWN | changed).items() if value is not None}
    with pytest.raises(TurnedAway) as refused:
        demand_own_script(request(method, headers), ORIGIN)
    assert refused.value.reply.status == 403


def test_a_header_given_twice_counts_for_none():
    twice = (*OWN.items(), ("x-counterfoil-bff", "1"))
    with pytest.raises(TurnedAway):
        demand_own_script(Request("GET", "/api", headers=twice), ORIGIN)


def test_only_windows_go_to_sign_in():
    demand_navigation(request("GET", {"sec-fetch-dest": "document"}))
    demand_navigation(request("GET", {}))
    for destination in ("iframe", "image", "empty", "frame"):
        with pytest.raises(TurnedAway):
            demand_navigation(request("GET", {"sec-fetch-dest": destination}))


@pytest.mark.parametrize("purpose", ["prefetch", "prefetch;prerender"])
def test_no_browser_goes_there_on_a_guess(purpose: str):
    """It would begin a sign-in that nobody has asked for."""
    headers = {"sec-fetch-dest": "document", "sec-purpose": purpose}
    with pytest.raises(TurnedAway):
        demand_navigation(request("GET", headers))
