"""The doctor: what is wrong, and the mend."""

import asyncio
import json
import os
import socket
from pathlib import Path

import pytest

from counterfoil.net.carrier import NatsServers, NatsUrl
from counterfoil.net.jetstream import Keeping, Stream
from counterfoil.oauth.feed import carried
from counterfoil.server.opening import DATABASE
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.server_process import Demand
from counterfoil.server.records.store import Transaction
from tests import newer
from tests.cli.conftest import Installation, LivedIn
from tests.cli.test_serve import serving
from tests.nats import running
from tests.ports import free_port


@pytest.fixture
def made(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setenv("COUNTERFOIL_PORT", str(free_port()))
    installation.succeed("client", "add", "Service")
    return installation


def findings(installation: Installation, exit_code: int) -> dict[str, dict[str, str]]:
    """Give the worst finding of each check."""
    result = installation.run("doctor", "--json")
    assert result.exit_code == exit_code, result.output
    document = json.loads(result.stdout)
    assert document["ok"] is (exit_code == 0)
    order = ("ok", "warning", "problem")
    worst = sorted(document["findings"], key=lambda each: order.index(each["status"]))
    assert all(set(each) == {"check", "status", "finding", "mend"} for each in worst)
    assert all(each["mend"] for each in worst if each["status"] != "ok")
    return {each["check"]: each for each in worst}


def test_a_sound_installation_has_nothing_wrong(made: Installation):
    found = findings(made, 0)
    assert {name: each["status"] for name, each in found.items()} == {
        "settings": "ok",
        "issuer": "warning",
        "files": "ok",
        "disk": "ok",
        "database": "ok",
        "master key": "ok",
        "keys": "ok",
        "clock": "ok",
        "port": "ok",
    }
    assert "Nothing is wrong." in made.succeed("doctor")


def test_an_https_issuer_is_no_warning(installation: Installation, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COUNTERFOIL_PORT", str(free_port()))
    monkeypatch.setenv("COUNTERFOIL_ISSUER", "https://id.example")
    installation.succeed("client", "add", "Service")
    assert findings(installation, 0)["issuer"]["status"] == "ok"


def test_another_issuer_than_the_servers_is_found(
    made: Installation, monkeypatch: pytest.MonkeyPatch
):
    """It stood on the command line of `serve` alone: links that commands make lead nowhere."""
    monkeypatch.setenv("COUNTERFOIL_ISSUER", "https://id.example")
    found = findings(made, 0)["issuer"]
    assert found["status"] == "warning"
    assert "this command took https://id.example" in found["finding"]


def test_a_registration_that_nobody_can_take_is_found(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COUNTERFOIL_PORT", str(free_port()))
    monkeypatch.setenv("COUNTERFOIL_ISSUER", "https://id.example")
    monkeypatch.setenv("COUNTERFOIL_REGISTRATION", "open")
    installation.succeed("client", "add", "Service")
    assert "by an address nobody can register" in findings(installation, 0)["mail"]["finding"]
    monkeypatch.setenv("COUNTERFOIL_MAIL_HOST", "mail.example")
    monkeypatch.setenv("COUNTERFOIL_MAIL_SENDER", "id@id.example")
    assert "mail" not in findings(installation, 0)


def test_files_that_others_may_read_are_found(made: Installation):
    (made.data / DATABASE).chmod(0o644)
    found = findings(made, 1)["files"]
    assert found["status"] == "problem"
    assert found["mend"] == f"chmod 600 {made.data / DATABASE}"


def test_a_missing_master_key_is_found_and_none_is_made(made: Installation):
    (made.data / "master.key").unlink()
    assert findings(made, 1)["master key"]["status"] == "problem"
    assert not (made.data / "master.key").exists()


def test_a_wrong_master_key_is_found(made: Installation, tmp_path: Path):
    other = Installation(tmp_path / "other")
    other.succeed("client", "add", "Other")
    (made.data / "master.key").write_bytes((other.data / "master.key").read_bytes())
    found = findings(made, 1)["database"]
    assert "another master key" in found["finding"]
    assert "master key" in found["mend"]


def test_a_damaged_database_is_found(made: Installation):
    for end in ("", "-wal", "-shm"):
        path = made.data / f"{DATABASE}{end}"
        if path.exists():
            path.write_bytes(os.urandom(8192))
    assert findings(made, 1)["database"]["status"] == "problem"


def test_a_clock_that_went_back_is_found(made: Installation):
    async def work(tx: Transaction) -> None:
        later = tx.now + 3600
        await tx.events.append(
            Event(kind=EventKind.SIGNED_IN, at=later, actor="user:x", subject="x")
        )

    made.transact(work)
    assert "before the newest event" in findings(made, 1)["clock"]["finding"]


def test_a_port_that_something_else_holds_is_found(
    made: Installation, monkeypatch: pytest.MonkeyPatch
):
    with socket.create_server(("127.0.0.1", 0)) as held:
        monkeypatch.setenv("COUNTERFOIL_PORT", str(held.getsockname()[1]))
        assert "held by something else" in findings(made, 1)["port"]["finding"]


def test_a_server_that_cannot_serve_is_not_taken_for_something_else(
    lived_in: LivedIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    installation = lived_in.installation
    with serving(installation) as server:
        port = str(server.port)
        monkeypatch.setenv("COUNTERFOIL_PORT", port)
        installation.succeed("database", "copy", "--to", str(tmp_path / "there"), "--yes")
        found = findings(installation, 1)
    assert found["port"]["finding"] == f"a server holds 127.0.0.1 port {port}, and cannot serve"
    assert "it is shut" in found["database"]["finding"]
    assert found["database"]["mend"] == "name the other database: this one stands still"


def test_where_nothing_is_installed_nothing_is_made(installation: Installation):
    found = findings(installation, 1)
    assert "no installation" in found["data"]["finding"]
    assert not installation.data.exists()


def test_settings_that_cannot_be_used_are_found(
    made: Installation, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COUNTERFOIL_ISSUER", "http://id.example")
    found = findings(made, 1)
    assert list(found) == ["settings"]
    assert "must be https" in found["settings"]["finding"]


def test_what_waits_for_older_servers_to_end_is_found(
    made: Installation, monkeypatch: pytest.MonkeyPatch
):
    newer.become(monkeypatch.setattr)
    found = findings(made, 0)["schema"]
    assert newer.CONTRACT in found["finding"]
    assert "--contract" in found["mend"]


def test_a_database_that_demands_a_newer_version_is_found(made: Installation):
    demand = Demand(900, 899, "99.1")
    made.transact(lambda tx: tx.servers.announce(demand))
    found = findings(made, 1)["database"]
    assert "needs Counterfoil 99.1 or newer" in found["finding"]
    assert found["mend"] == "install that version"


@pytest.mark.nats
def test_how_far_nats_has_the_notices(made: Installation, monkeypatch: pytest.MonkeyPatch):
    """It only looks: it makes no stream, and shows no password."""
    monkeypatch.setenv("COUNTERFOIL_NATS", "nats://ada:s3cret@127.0.0.1:1")
    found = findings(made, 0)["nats"]
    assert found["status"] == "warning"
    assert "nats://ada:…@127.0.0.1:1: " in found["finding"]
    assert "s3cret" not in str(found)
    issuer = "https://id.example"
    monkeypatch.setenv("COUNTERFOIL_ISSUER", issuer)
    with running() as nats:
        monkeypatch.setenv("COUNTERFOIL_NATS", nats.url)
        found = findings(made, 0)["nats"]
        assert found["finding"].startswith("has the notices up to nowhere; the last is ")
        last = found["finding"].rpartition(" ")[2]
        epoch, _, number = last.partition(":")

        async def put(position: str) -> None:
            servers = NatsServers((NatsUrl(nats.url),))
            stream = await Stream.open(servers, carried(issuer), Keeping(60))
            await stream.prepare()
            await stream.put(b"x", position)
            await stream.close()

        asyncio.run(put(f"{epoch}:{int(number) + 7}"))
        assert findings(made, 0)["nats"]["status"] == "warning"
        asyncio.run(put(last))
        found = findings(made, 0)["nats"]
        assert (found["status"], found["finding"]) == (
            "ok",
            f"has the notices up to {last}, the last",
        )
