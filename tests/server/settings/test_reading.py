"""Settings: one table, four sources, and errors that say which source and what is wrong."""

from pathlib import Path

import pytest

from counterfoil.oauth.opaque import Secret
from counterfoil.server.settings import (
    SettingsError,
    describe,
    load,
)

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory; the tests run where there is no other."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(data: Path, content: str, name: str = "counterfoil.toml") -> Path:
    path = data / name
    path.write_text(content, encoding="utf-8")
    return path


def test_without_anything_the_defaults_make_a_development_server_on_loopback():
    settings = load({}, {})
    assert settings.issuer == "http://127.0.0.1:8000"
    assert settings.development
    assert settings.master_key_file == Path("data/master.key")


def test_the_file_is_above_the_defaults_the_environment_above_it_the_command_line_on_top(
    data: Path,
):
    written(data, "port = 1\nworkers = 2\ncode_lifetime = 30\n")
    environment = {"COUNTERFOIL_PORT": "3", "COUNTERFOIL_WORKERS": "4", "HOME": "/"}
    settings = load(environment, {"data": data, "port": 5, "host": None})
    assert (settings.port, settings.workers, settings.code_lifetime) == (5, 4, 30)
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize("source", ["command line", "environment"])
def test_another_file_can_be_named(tmp_path: Path, source: str):
    path = written(tmp_path, f'data = "{tmp_path}/elsewhere"\nport = 9', "other.toml")
    settings = (
        load({}, {"config": path})
        if source == "command line"
        else load({"COUNTERFOIL_CONFIG": str(path)}, {})
    )
    assert settings.port == 9
    assert settings.data == tmp_path / "elsewhere"
    assert settings.master_key_file == tmp_path / "elsewhere" / "master.key"


def test_the_file_of_the_command_line_is_taken_before_that_of_the_environment(data: Path):
    written(data, "port = 1", "one.toml")
    written(data, "port = 2", "two.toml")
    environment = {"COUNTERFOIL_CONFIG": str(data / "two.toml")}
    assert load(environment, {"config": data / "one.toml"}).port == 1


def test_the_issuer_follows_host_and_port_unless_it_is_given():
    assert load({}, {"host": "::1", "port": 81}).issuer == "http://[::1]:81"
    assert load({}, {"issuer": "https://id.example", "port": 81}).issuer == "https://id.example"


@pytest.mark.parametrize(
    "issuer",
    [
        "https://id.example/",
        "https://id.example?a=b",
        "https://id.example#a",
        "https://someone@id.example",
        "http://id.example",
        "http://10.0.0.1",
        "http://localhost.example",
        "ftp://id.example",
        "https://",
        "https://id.example:port",
        "https://[id.example",
        "id.example",
        "",
    ],
)
def test_an_issuer_that_others_could_not_use_is_refused(issuer: str):
    """RFC 8414 §2: https, no query, no fragment; plain http is for loopback alone."""
    with pytest.raises(SettingsError, match="issuer"):
        load({}, {"issuer": issuer})


@pytest.mark.parametrize(
    ("issuer", "development"),
    [
        ("https://id.example", False),
        ("https://id.example/tenant", False),
        ("https://localhost", False),
        ("http://localhost:8000", True),
        ("http://127.0.0.1", True),
        ("http://[::1]:8000", True),
    ],
)
def test_only_plain_http_on_loopback_is_development(issuer: str, development: bool):
    assert load({}, {"issuer": issuer}).development is development


def test_listening_everywhere_demands_that_the_issuer_is_told():
    with pytest.raises(SettingsError, match="Set issuer to the address"):
        load({}, {"host": "0.0.0.0"})


def test_a_word_that_cannot_be_is_refused_with_those_that_can():
    with pytest.raises(SettingsError) as it:
        load({"COUNTERFOIL_LOG_LEVEL": "verbose"}, {})
    assert str(it.value).endswith(
        "Invalid enum value 'verbose'; there are debug, info, warning, error."
    )


def test_a_time_that_cannot_be_is_refused_with_its_unit():
    with pytest.raises(SettingsError, match=r"LIFETIME, from the environment \(in seconds\): "):
        load({"COUNTERFOIL_ACCESS_TOKEN_LIFETIME": "1h"}, {})


def test_an_unknown_variable_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="COUNTERFOIL_PROT, from the environment, is no") as it:
        load({"COUNTERFOIL_PROT": "1"}, {})
    assert "Did you mean COUNTERFOIL_PORT?" in str(it.value)


def test_an_unknown_name_in_the_file_is_refused_with_the_nearest_name(data: Path):
    path = written(data, "acess_token_lifetime = 1")
    with pytest.raises(SettingsError) as it:
        load({}, {"data": data})
    assert str(path) in str(it.value)
    assert "Did you mean access_token_lifetime?" in str(it.value)


def test_an_unknown_option_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match=r"Did you mean --log-level\?"):
        load({}, {"log_levle": "info"})


@pytest.mark.parametrize(
    ("variable", "value", "what"),
    [
        ("PORT", "http", "Expected `int`"),
        ("PORT", "65536", "<= 65535"),
        ("PORT", "1.5", "Expected `int`"),
        ("CODE_LIFETIME", "0", ">= 1"),
        ("SIGNING_ALGORITHM", "HS256", "HS256"),
        ("DATA", "", "not empty"),
        ("LOG_LEVEL", "chatty", "chatty"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_with_its_source(variable: str, value: str, what: str):
    with pytest.raises(SettingsError) as it:
        load({f"COUNTERFOIL_{variable}": value}, {})
    assert f"COUNTERFOIL_{variable}, from the environment" in str(it.value)
    assert what in str(it.value)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"key_publish_ahead": 300}, "key_publish_ahead"),
        ({"key_rotation_interval": 86400}, "key_rotation_interval"),
        ({"refresh_idle_lifetime": 181 * 86400}, "refresh_absolute_lifetime"),
        ({"offline_idle_lifetime": 366 * 86400}, "offline_absolute_lifetime"),
        ({"session_lifetime": 60}, "session_lifetime"),
        ({"sign_in_lock": 301}, "sign_in_lock_most"),
    ],
)
def test_values_that_do_not_fit_each_other_are_refused(less: dict[str, int], more: str):
    """A key that signs before every cache can know it would make good tokens fail (S80)."""
    with pytest.raises(SettingsError, match=rf"^{more} \(\d+\) must be"):
        load({}, less)


def test_proxies_are_a_list_of_addresses_or_networks(data: Path):
    expected = ("10.0.0.0/8", "::1")
    assert load({"COUNTERFOIL_TRUSTED_PROXIES": "10.0.0.0/8, ::1"}, {}).trusted_proxies == expected
    written(data, 'trusted_proxies = ["10.0.0.0/8", "::1"]')
    assert load({}, {"data": data}).trusted_proxies == expected
    with pytest.raises(SettingsError, match=r"'proxy\.example' is no address"):
        load({"COUNTERFOIL_TRUSTED_PROXIES": "proxy.example"}, {})


def test_the_master_key_comes_from_the_environment_only_and_is_not_shown(data: Path):
    """S83: a key belongs neither into a file beside the source nor into a list of processes."""
    settings = load({"COUNTERFOIL_MASTER_KEY": "c2VjcmV0"}, {})
    assert settings.master_key == Secret("c2VjcmV0")
    assert "c2VjcmV0" not in repr(settings) + str(describe(settings))
    written(data, 'master_key = "c2VjcmV0"')
    for overrides in ({"data": data}, {"master_key": "c2VjcmV0"}):
        with pytest.raises(SettingsError, match="from the environment only") as it:
            load({}, overrides)
        assert "c2VjcmV0" not in str(it.value)


@pytest.mark.parametrize("content", ["port = ", "\x00", "port = 1\nport = 2"])
def test_a_file_that_is_no_toml_is_named(data: Path, content: str):
    path = written(data, content)
    with pytest.raises(SettingsError, match="cannot be read") as it:
        load({}, {"data": data})
    assert str(path) in str(it.value)


def test_a_named_file_must_exist(tmp_path: Path):
    with pytest.raises(SettingsError, match="does not exist"):
        load({}, {"config": tmp_path / "none.toml"})


def test_the_file_in_the_data_directory_cannot_move_the_data_directory(data: Path):
    written(data, 'data = "elsewhere"')
    with pytest.raises(SettingsError, match="lies in that directory"):
        load({}, {"data": data})
