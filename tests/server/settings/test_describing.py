"""The settings in words are written from the table."""

from pathlib import Path

from counterfoil.server.settings import SETTINGS, Settings, as_markdown, describe, load
from counterfoil.server.settings.choices import choices_of

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def test_every_setting_has_a_help_and_a_default_that_is_allowed():
    assert all(row.help.endswith(".") for row in SETTINGS.values())
    shown = {
        f"COUNTERFOIL_{row['name'].upper()}": row["value"]
        for row in describe(Settings())
        if row["value"]
    }
    assert load(shown, {}) == Settings()


def test_the_page_of_the_handbook_is_written_from_the_table():
    assert PAGE.read_text(encoding="utf-8").endswith("\n\n" + as_markdown())


def test_a_setting_that_is_a_word_names_every_word_that_it_may_be():
    words = {name: choices_of(row.type) for name, row in SETTINGS.items()}
    assert words["second_factor_for"] == ("nobody", "administrators", "everyone")
    unsaid = {
        name
        for name, choices in words.items()
        if not all(f"`{each}`" in SETTINGS[name].help for each in choices)
    }
    assert not unsaid
