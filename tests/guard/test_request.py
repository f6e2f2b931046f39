"""What a guard reads of a request."""

from counterfoil.guard.request import Request


def request(*headers: tuple[bytes, bytes]) -> Request:
    return Request("GET", "https", "192.0.2.7", "/notes", b"secret=1", headers)


def test_all_values_of_a_header_are_read_in_order():
    """Two Authorization headers are seen as two, and bytes of any kind are text."""
    asked = request((b"a", b"1"), (b"b", b"x"), (b"a", b"\xff"))
    assert asked.values(b"a") == ("1", "\xff")
    assert asked.values(b"c") == ()


def test_no_repr_shows_what_was_sent():
    shown = repr(request((b"authorization", b"Bearer hidden")))
    assert "hidden" not in shown
    assert "secret" not in shown
