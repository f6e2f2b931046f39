"""The settings of NATS: several servers, none of whose passwords is shown."""

from pathlib import Path

import pytest

from counterfoil.server.settings import Settings, SettingsError, as_markdown, describe, load

ONE, OTHER = "tls://ada:s3cret@one.example:4443", "tls://two.example"


def test_without_servers_there_is_no_carrier():
    assert Settings().nats_servers is None
    assert Settings(nats_replicas=3).nats_servers is None


@pytest.mark.parametrize("source", ["environment", "file"])
def test_several_servers_of_one_cluster(source: str, tmp_path: Path):
    if source == "environment":
        settings = load({"COUNTERFOIL_NATS": f"{ONE}, {OTHER}"}, {})
    else:
        (tmp_path / "counterfoil.toml").write_text(f'nats = ["{ONE}", "{OTHER}"]\n')
        settings = load({}, {"data": str(tmp_path)})
    servers = settings.nats_servers
    assert servers is not None
    assert [url.bare for url in servers.urls] == [ONE.replace("ada:s3cret@", ""), f"{OTHER}:4222"]
    assert servers.urls[0].login() == {"user": "ada", "password": "s3cret"}


def test_files_to_show_and_to_trust(tmp_path: Path):
    names = ("credentials_file", "ca_file", "certificate_file")
    given = {f"nats_{name}": str(tmp_path / name) for name in names}
    servers = load({}, {"nats": OTHER, **given}).nats_servers
    assert servers is not None
    assert [getattr(servers, name) for name in names] == [tmp_path / name for name in names]


def test_no_password_is_shown():
    settings = load({"COUNTERFOIL_NATS": f"{ONE},{OTHER}"}, {})
    everything = repr(settings) + str(describe(settings)) + as_markdown()
    assert "s3cret" not in everything
    assert "tls://ada:…@one.example:4443, tls://two.example:4222" in everything


@pytest.mark.parametrize(
    "wrong",
    ["nats.example", "nats://ada:s3cret@nats.example", f"{ONE},nats:s3cret", "tls://a:s3,cret@h"],
)
@pytest.mark.parametrize("source", ["environment", "file"])
def test_what_is_none_is_refused_and_not_repeated(wrong: str, source: str, tmp_path: Path):
    file = tmp_path / "counterfoil.toml"
    if source == "file":
        file.write_text(f'nats = ["{wrong.replace(",", chr(34) + "," + chr(34))}"]\n')
    environment = {"COUNTERFOIL_NATS": wrong} if source == "environment" else {}
    with pytest.raises(SettingsError, match=r"(?i)nats.*Expected") as told:
        load(environment, {"data": str(tmp_path)})
    assert "s3" not in str(told.value)
    assert "cret" not in str(told.value)
