"""The languages of the pages: what they hold, and what they cost whoever reads English."""

import subprocess
import sys

from counterfoil.server.pages.tongues import OWN_NAMES, catalogue_of, tongue_of
from counterfoil.server.records.language import ENGLISH, LANGUAGES


def test_every_language_has_a_catalogue_and_a_name_of_its_own():
    assert tuple(tag for tag, _ in OWN_NAMES) == LANGUAGES
    for language in set(LANGUAGES) - {ENGLISH}:
        assert catalogue_of(language).is_file()
        assert tongue_of(language).translate("Sign in") != "Sign in"


def test_what_is_not_in_the_catalogue_stays_english():
    german = tongue_of("de")
    assert german.translate("Nobody says this.") == "Nobody says this."
    assert german.translate_many("{count} yak", "{count} yaks", 2) == "{count} yaks"


def test_nobody_imports_babel_before_a_page_is_read_in_another_language():
    """Neither the guard, nor the command line, nor the start of the server waits for it."""
    script = (
        "import sys, counterfoil.guard, counterfoil.cli, counterfoil.server.assembly;"
        "from counterfoil.server.pages.rendering import Pages; Pages();"
        "assert 'babel' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_nothing_is_nothing_in_every_language():
    """By the empty name a catalogue gives its own head."""
    assert tongue_of("de").translate("") == ""
