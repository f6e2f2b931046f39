"""Commands and servers on PostgreSQL: one option names the database, nothing its password."""

import json
import signal
from pathlib import Path

import pytest
from click.testing import Result

from tests.cli.conftest import API, Installation
from tests.cli.test_serve import is_active, serving, token_of

pytestmark = pytest.mark.postgres

SECRET = "s3cret"


class OnPostgres(Installation):
    """A data directory, in which only the master key is, and a database."""

    def __init__(self, data: Path, database: str) -> None:
        super().__init__(data)
        self.database = database

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        result = super().run(*arguments, "--database", self.database, stdin=stdin)
        assert SECRET not in result.output
        return result


@pytest.fixture
def there(tmp_path: Path, database: str) -> OnPostgres:
    """The tests' server asks for no password, but is given one."""
    return OnPostgres(tmp_path / "data", database.replace("postgres@", f"postgres:{SECRET}@"))


def test_two_servers_of_one_database_are_one_to_whoever_asks(there: OnPostgres):
    """S92, S37: any of them answers any request, and none from before an ending."""
    there.succeed("api", "add", API, "--scope", "notes:read=Read")
    service = there.json("client", "add", "Job", "--scope", "notes:read")
    issuer = ("--database", there.database, "--issuer", "http://localhost:8001")
    with serving(there, *issuer) as one, serving(there, *issuer, "--workers", "2") as other:
        for issues, answers in ((one, other), (other, one)) * 5:
            token = token_of(issues, service)
            assert is_active(answers, service, token)
            claims = json.loads(there.succeed("token", "inspect", token, "--json"))["claims"]
            there.succeed("token", "end", "--jti", claims["jti"], "--yes")
            assert not is_active(answers, service, token)
            assert not is_active(issues, service, token)
        with other.following() as next_notice:
            token = token_of(one, service)
            one.post("/revoke", (service["client_id"], service["client_secret"]), token=token)
            assert next_notice()["kind"] == "token"
        ended = [server.end(signal.SIGTERM) for server in (one, other)]
    assert [(code, said) for code, _, said in ended] == [(0, "")] * 2


def test_only_what_makes_an_installation_makes_one(there: OnPostgres):
    said = there.refused("client", "list")
    assert "there is no installation in postgresql://postgres:…@/" in said
    assert "--database" in said
    there.succeed("client", "add", "Job")
    assert len(there.json("client", "list")["clients"]) == 1
    assert [path.name for path in there.data.iterdir()] == ["master.key"]


def test_the_settings_show_where_it_is(there: OnPostgres):
    listed = {row["name"]: row for row in there.json("settings")["settings"]}
    assert listed["database"]["value"].startswith("postgresql://postgres:…@/")


def test_what_cannot_be_reached_is_said_in_a_line(there: OnPostgres):
    there.database = f"postgresql://ada:{SECRET}@127.0.0.1:1/nowhere"
    assert "the database cannot be used" in there.refused("client", "list")
    assert "the database cannot be used" in there.refused("serve")
    there.database = f"mysql://ada:{SECRET}@127.0.0.1/nowhere"
    assert "--database, from the command line: Expected postgresql://" in there.refused("settings")


def test_the_doctor_looks_into_the_database(there: OnPostgres):
    def findings() -> dict[str, dict[str, str]]:
        listed = json.loads(there.run("doctor", "--json").stdout)["findings"]
        return {each["check"]: each for each in listed}

    missing = findings()["data"]
    assert missing["status"] == "problem"
    assert "--database" in missing["mend"]
    there.succeed("client", "add", "Job")
    found = findings()
    assert found["database"]["finding"].startswith("opens; PostgreSQL")
    assert {each["status"] for name, each in found.items() if name != "issuer"} == {"ok"}
    there.database = there.database.replace("host=/", "host=/nowhere/")
    found = findings()
    assert found["database"]["status"] == "problem"
    assert "COUNTERFOIL_DATABASE" in found["database"]["mend"]
