"""A request is known by all that it says, and by nobody else."""

from counterfoil.server.protocol.repeats import At, Repeats

REPEATS = Repeats(b"k" * 32)


def test_the_same_request_has_the_same_name():
    assert REPEATS.name(At.TOKEN, "ab", b"c") == Repeats(b"k" * 32).name(At.TOKEN, "ab", b"c")


def test_what_stood_in_the_header_cannot_be_moved_into_the_form():
    assert REPEATS.name(At.TOKEN, "ab", b"c") != REPEATS.name(At.TOKEN, "a", b"bc")
    assert REPEATS.name(At.TOKEN, None, b"1:ab") != REPEATS.name(At.TOKEN, "a", b"b")


def test_an_empty_header_is_not_the_same_as_none():
    """With one, the request is refused: it would prove the client in two ways."""
    assert REPEATS.name(At.TOKEN, "", b"x") != REPEATS.name(At.TOKEN, None, b"x")
    assert REPEATS.name(At.TOKEN, None, b"0:x") != REPEATS.name(At.TOKEN, "", b"x")


def test_each_endpoint_has_names_of_its_own():
    assert REPEATS.name(At.TOKEN, None, b"x") != REPEATS.name(At.INTROSPECTION, None, b"x")


def test_nobody_without_the_key_can_name_a_request():
    assert REPEATS.name(At.TOKEN, None, b"x") != Repeats(b"l" * 32).name(At.TOKEN, None, b"x")
    assert repr(REPEATS) == "Repeats(…)"
