"""The address of a database: what it may be, and that nobody who prints it shows its password."""

import pytest

from counterfoil.server.settings import DatabaseUrl, SettingsError, as_markdown, describe, load

URL = "postgresql://ada:s3cret@one.example:5432,two.example/counterfoil?sslmode=require"


def test_it_is_given_whole_to_whoever_connects():
    settings = load({"COUNTERFOIL_DATABASE": URL}, {})
    assert settings.database is not None
    assert settings.database.reveal() == URL


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (URL, URL.replace("s3cret", "…")),
        ("postgres://ada@host/db", "postgres://ada@host/db"),
        ("postgresql:///db?host=/run/pg", "postgresql:///db?host=/run/pg"),
        ("postgresql://h/db?user=a&password=s3cret", "postgresql://h/db?user=a&password=…"),
        ("postgresql://h/db?PASSWORD=s3cret", "postgresql://h/db?PASSWORD=…"),
        ("postgresql://h/db?p%61ssword=s3cret", "postgresql://h/db?p%61ssword=…"),
        ("postgresql://h/db?sslpassword=s3cret", "postgresql://h/db?sslpassword=…"),
        ("postgresql://a:s3:cr@et@h/db", "postgresql://a:…@h/db"),
    ],
)
def test_its_password_is_never_shown(url: str, shown: str):
    settings = load({}, {"database": url})
    assert str(settings.database) == shown
    everything = repr(settings) + str(describe(settings)) + f"{settings.database!r}" + as_markdown()
    assert "s3c" not in everything
    assert "et@" not in everything


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "counterfoil.db",
        "mysql://ada:s3cret@host/db",
        "postgresql:ada:s3cret@host/db",
        "postgresql://ada:s3cret@[host/db",
        "postgresql://ada:s3 cret@host/db",
        "postgresql://ada:s3#cret@host/db",
        "postgresql://ada:s3/cret@host/db",
        "postgresql://ada:s3?cret@host/db",
        "POSTGRESQL//ada:s3cret",
    ],
)
@pytest.mark.parametrize("source", ["environment", "command line"])
def test_what_is_none_is_refused_without_repeating_it(wrong: str, source: str):
    given = {"COUNTERFOIL_DATABASE": wrong} if source == "environment" else {}
    overrides = {"database": wrong} if source == "command line" else {}
    with pytest.raises(SettingsError) as told:
        load(given, overrides)
    assert "database" in str(told.value).lower()
    assert "s3" not in str(told.value)


def test_two_addresses_are_the_same_when_they_are_spelled_alike():
    assert DatabaseUrl(URL) == DatabaseUrl(URL)
    assert len({DatabaseUrl(URL), DatabaseUrl(URL)}) == 1
    assert DatabaseUrl(URL) != DatabaseUrl(URL.replace("s3cret", "other"))
    assert DatabaseUrl(URL) != URL
