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


def test_a_header_that_names_another_method_is_seen():
    for name in (b"x-http-method-override", b"x-http-method", b"x-method-override"):
        assert request((name, b"DELETE")).may_become_another
        assert request((name, b"get"), (name, b"PUT")).may_become_another
        assert not request((name, b" get")).may_become_another
    assert not request((b"accept", b"DELETE")).may_become_another
