"""How a browser names itself: what is made of it names nothing that it says itself."""

import pytest

from counterfoil.server.records.user_agent import named_in

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox, Linux"),
        ("Linux", "Linux"),
        ("", "?"),
        ("click https://evil.example now", "?"),
    ],
)
def test_it_is_named_by_words_of_ours(agent: str, name: str):
    assert named_in(agent) == name
