"""The language is the reader's, by what their browser says, or by what an app wishes for them."""

import pytest

from counterfoil.server.mail.words import CATALOGUE
from counterfoil.server.records.language import LANGUAGES, language_among, language_in


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", ""),
        ("de", "de"),
        ("de-AT,en;q=0.5", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("fr,de;q=0.2", "de"),
        ("fr", ""),
        ("en;q=0.1, DE;q=0.7", "de"),
        ("de;q=0", ""),
        ("de;q=many", ""),
        ("de;q=inf, en;q=0.1", "en"),
        ("de;q=nan", ""),
        ("de;q=1e3, en", "en"),
        ("de;q=1.0001", ""),
        ("de;q=-1", ""),
        ("*", ""),
        (",;=;q=,", ""),
        ("x," * 1000 + "de", ""),
        ("d\u200be", ""),
    ],
)
def test_the_language_that_is_liked_best(accepted: str, language: str):
    """RFC 9110 §12.5.4; whatever is no weight counts nothing."""
    assert language_in(accepted) == language


@pytest.mark.parametrize(
    ("tags", "language"),
    [("de en", "de"), ("fr-CA de-CH en", "de"), ("fr", ""), ("", ""), ("x " * 1000 + "de", "")],
)
def test_the_first_tag_that_fits(tags: str, language: str):
    """OpenID Connect Core §3.1.2.1: ``ui_locales`` in order of preference."""
    assert language_among(tags) == language


def test_letters_are_written_in_every_language_of_the_pages():
    assert tuple(CATALOGUE) == LANGUAGES
