"""What a URL holds is compared, and shown by nobody who was not taught how."""

from counterfoil.net.hidden_url import HiddenUrl


class Another(HiddenUrl):
    pass


def test_it_shows_nothing_unless_it_was_taught_what_to_show():
    url = HiddenUrl("tls://ada:s3cret@host")
    assert "s3cret" not in f"{url} {url!r}"
    assert repr(Another("x")) == "Another('…')"


def test_two_are_one_where_all_of_them_is_the_same():
    assert HiddenUrl("a") == HiddenUrl("a") != HiddenUrl("b")
    assert HiddenUrl("a") != Another("a")
    assert len({HiddenUrl("a"), HiddenUrl("a"), Another("a")}) == 2
