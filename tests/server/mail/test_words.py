"""The language of a letter is the reader's, by what their browser says (RFC 9110 §12.5.4)."""

import pytest

from counterfoil.server.mail.language import language_in


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("fr,de;q=0.2", "de"),
        ("fr", "en"),
        ("en;q=0.1, DE;q=0.7", "de"),
        ("de;q=0", "en"),
        ("de;q=many", "en"),
        ("*", "en"),
        (",;=;q=,", "en"),
        ("x," * 1000 + "de", "en"),
    ],
)
def test_the_language_that_is_liked_best(accepted: str, language: str):
    assert language_in(accepted) == language
