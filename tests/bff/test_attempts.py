"""Sign-ins on their way, each in a cookie."""

from counterfoil.bff.attempts import LIFE, MOST, Attempts, Begun
from counterfoil.jose.sealing import Sealing
from tests.client.conversation import random

NOW = 1_800_000_000
BEGUN = Begun("st4te", "n0nce", "v3rifier", NOW, "/orders", silent=True, before="k3y")


def attempts(first: int = 0) -> Attempts:
    return Attempts(Sealing(bytes([first]) * 32, random))


def test_what_was_sealed_here_is_read_again():
    sealed = attempts().seal(BEGUN, "a")
    assert attempts().open(sealed, "a", NOW + 1) == BEGUN
    assert "v3rifier" not in sealed
    assert "v3rifier" not in repr(BEGUN)


def test_whatever_else_is_none():
    """Under another name or key, altered, too old, from the future, nonsense."""
    sealed = attempts().seal(BEGUN, "a")
    assert attempts().open(sealed, "b", NOW) is None
    assert attempts(1).open(sealed, "a", NOW) is None
    assert attempts().open(sealed[:-2] + "AA", "a", NOW) is None
    assert attempts().open(sealed, "a", NOW + LIFE) is None
    assert attempts().open(sealed, "a", NOW - 1) is None
    for nonsense in ("", "x", "ä", "=", "A" * 5000):
        assert attempts().open(nonsense, "a", NOW) is None


def test_a_browser_holds_few_and_its_oldest_go():
    """A site that opens many windows fills nobody's cookies."""
    cookies = {"other": "1", "p-bad": "nonsense"}
    for age in range(MOST):
        name = f"p-{age}"
        begun = Begun("s", "n", "v", NOW - age, "/")
        cookies[name] = attempts().seal(begun, name)
    gone = attempts().superfluous(cookies, "p-", NOW)
    assert set(gone) == {"p-bad", f"p-{MOST - 1}"}
