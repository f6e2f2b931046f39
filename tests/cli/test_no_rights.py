"""An installation that may be read and not written, or not even read: one line that says so."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from counterfoil.server.opening import DATABASE
from tests.cli.conftest import Installation

AS_OWNER = ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
"""Root may read and write whatever its mode says; without these two it may not."""
START = ("-c", "from counterfoil.cli import main; main()")
WRITING = (("client", "add", "Other"), ("serve", "--port", "0"))


def run(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command as somebody for whom modes of files count."""
    command = [sys.executable, *START, *arguments, "--data", str(data)]
    masked = [*AS_OWNER, *command] if os.geteuid() == 0 else command
    return subprocess.run(masked, capture_output=True, text=True, check=False, timeout=60)


def refused(data: Path, *arguments: str) -> str:
    answer = run(data, *arguments)
    assert (answer.returncode, answer.stdout) == (1, ""), answer
    assert answer.stderr.count("\n") == 1, answer.stderr
    return answer.stderr


@pytest.fixture
def made(installation: Installation) -> Installation:
    installation.succeed("client", "add", "Job")
    return installation


@pytest.mark.parametrize("command", WRITING)
def test_a_file_that_cannot_be_written(made: Installation, command: tuple[str, ...]):
    (made.data / DATABASE).chmod(0o400)
    assert "the database cannot be used" in refused(made.data, *command)
    assert run(made.data, "client", "list").returncode == 0, "it may be read"
    (made.data / DATABASE).chmod(0o600)
    assert len(made.json("client", "list")["clients"]) == 1


@pytest.mark.parametrize("command", [*WRITING, ("client", "list"), ("database", "status")])
def test_a_file_that_cannot_be_read(made: Installation, command: tuple[str, ...]):
    (made.data / DATABASE).chmod(0)
    assert "unable to open database file" in refused(made.data, *command)


@pytest.fixture
def reader(database: str) -> Iterator[str]:
    """The database as somebody sees it who may read its tables."""

    def administer(sql: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(database)
            await connection.execute(sql)
            await connection.close()

        asyncio.run(run())

    administer("CREATE ROLE reader LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
    yield database.replace("postgres@", "reader@")
    administer("DROP OWNED BY reader; DROP ROLE reader")


@pytest.mark.postgres
def test_a_database_in_which_the_user_may_only_read(
    installation: Installation, database: str, reader: str
):
    installation.succeed("client", "add", "Job", "--database", database)
    for command in WRITING:
        said = installation.refused(*command, "--database", reader)
        assert "its user may not do what is needed" in said
    found = installation.run("doctor", "--json", "--database", reader)
    assert "Traceback" not in found.output
    listed = installation.json("client", "list", "--database", database)
    assert len(listed["clients"]) == 1
