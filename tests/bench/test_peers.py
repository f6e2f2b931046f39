"""The comparison: who cannot be had is named, and who answers wrongly has no number."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.peers.__main__ import PEERS, compare
from bench.peers.counterfoil import ON_SQLITE
from bench.peers.measuring import QUICK
from bench.peers.proving import OPERATIONS, prove
from bench.peers.site import Paths, Site, clients, let_in
from bench.server import Running
from tests.ports import free_port
from tests.postgres import Postgres

pytestmark = [pytest.mark.wrk, pytest.mark.postgres]


class Absent:
    """A peer whose packages are not here."""

    key, title, settings, on_postgres = "absent", "Absent", "none", False

    def missing(self) -> str:
        return "everything"


class Boasting(Absent):
    """One that gives other tokens than it says."""

    key, title = "boasting", "Boasting"

    def missing(self) -> str:
        return ""

    @contextmanager
    def running(self, folder: Path, database: Postgres) -> Iterator[Site]:
        with ON_SQLITE.running(folder, database) as site:
            yield replace(site, kind="opaque")


def test_every_answer_is_checked_and_everybody_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "peers.json"
    compare([ON_SQLITE, Absent(), Boasting()], QUICK, tmp_path, output)
    results, told = json.loads(output.read_text()), capsys.readouterr().out
    assert results["left_out"] == {"Absent": "it misses everything"}
    assert "!! bench: Absent was left out: it misses everything" in told
    ours = results["peers"]["counterfoil_sqlite"]["operations"]
    assert all(ours[name]["able"] and ours[name]["per_s"] > 0 for name in OPERATIONS)
    theirs = results["peers"]["boasting"]["operations"]
    for name in ("client_credentials", "refresh", "code_flow"):
        assert theirs[name].keys() == {"able", "why"}
        assert "not every answer was right" in theirs[name]["why"]
    assert theirs["introspection"]["able"]
    assert results["ratios"]["counterfoil_sqlite"]["boasting"].keys() == {"introspection"}
    assert "not able: failed under load" in told


def test_a_server_that_is_not_there_is_able_to_do_nothing(tmp_path: Path) -> None:
    nobody = Running(pid=0, port=free_port(), ready_s=0, log=tmp_path)
    proved = prove(Site(nobody, Paths("/a", "/t", "/i"), clients(), let_in("")))
    assert not any(each.able for each in proved.values())


def test_each_peer_has_a_name_of_its_own_and_says_how_it_is_set_up() -> None:
    assert len({peer.key for peer in PEERS}) == len({peer.title for peer in PEERS}) == len(PEERS)
    assert all(peer.settings for peer in PEERS)
