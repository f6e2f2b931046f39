"""Who gets an account is said in one setting, and nobody does unasked."""

import pytest

from counterfoil.server.settings import SettingsError, load


def test_nobody_registers_unless_it_is_said():
    assert load({}, {}).registration == "closed"


@pytest.mark.parametrize("given", ["Open", "yes", "anybody", ""])
def test_there_are_three_words(given: str):
    with pytest.raises(SettingsError):
        load({}, {"registration": given})
