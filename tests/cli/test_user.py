"""People by the command line."""

import time

import pytest

from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.second_factor import Authenticator
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from tests.cli.conftest import EMAIL, PASSWORD, Installation, LivedIn


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_password_comes_from_standard_input_without_its_line_end(
    installation: Installation, end: str
):
    added = installation.json("user", "add", EMAIL, "--password-stdin", stdin=PASSWORD + end)
    assert before_now(added.pop("created_at"))
    assert added == {
        "id": added["id"],
        "email": EMAIL,
        "email_verified": False,
        "name": None,
        "language": None,
        "is_admin": False,
        "disabled_at": None,
        "second_factor": False,
    }
    assert opens(installation, PASSWORD)


def test_a_password_is_asked_for_twice_and_not_shown(installation: Installation):
    result = installation.run("user", "add", EMAIL, "--admin", stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert result.exit_code == 0
    assert PASSWORD not in result.output
    assert opens(installation, PASSWORD)
    assert installation.json("user", "list")["users"][0]["is_admin"] is True


def test_the_prompt_stands_beside_the_json(installation: Installation):
    added = installation.json("user", "add", EMAIL, stdin=f"{PASSWORD}\n{PASSWORD}\n")
    assert added["email"] == EMAIL


def test_nobody_is_there_before_somebody_is_added(installation: Installation):
    """ASVS V6.3.2: no account and no client comes with the house."""
    installation.succeed("api", "add", "https://notes.example", "--scope", "read=Read")
    assert installation.json("user", "list")["users"] == []
    assert installation.json("client", "list")["clients"] == []


def test_who_is_given_another_password_is_told(lived_in: LivedIn):
    """ASVS V6.3.7: by mail, also where an administrator did it."""
    run = lived_in.installation
    assert not run.transact(lambda tx: tx.outbox.is_full(1))
    run.succeed("user", "set-password", EMAIL, "--password-stdin", "--yes", stdin="another one")
    assert run.transact(lambda tx: tx.outbox.is_full(1))


def test_people_are_listed(installation: Installation):
    arguments = ("--name", "Ada Lovelace", "--password-stdin")
    added = installation.json("user", "add", EMAIL, *arguments, stdin=PASSWORD)
    assert installation.json("user", "list") == {"users": [added]}
    assert "Ada Lovelace" in installation.succeed("user", "list")


def test_disabling_an_account_ends_everything_of_it(lived_in: LivedIn):
    installation = lived_in.installation
    ended = installation.json("user", "disable", EMAIL.upper(), "--yes")
    assert (ended["families_ended"], ended["sessions_ended"]) == (2, 1)
    assert installation.json("user", "list")["users"][0]["disabled_at"] is not None
    assert installation.json("session", "list") == {"sessions": []}
    assert {event.actor for event in installation.events()} == {"cli", "janitor", "server"}


def test_deleting_an_account_leaves_nothing_of_it(lived_in: LivedIn):
    installation = lived_in.installation
    asked = installation.run("user", "delete", EMAIL)
    assert asked.exit_code == 1
    assert "at once and for good" in asked.output
    ended = installation.json("user", "delete", EMAIL, "--yes")
    assert (ended["families_ended"], ended["sessions_ended"]) == (2, 1)
    assert installation.json("user", "list") == {"users": []}
    assert installation.json("session", "list") == {"sessions": []}
    told = [each for each in installation.events() if each.kind == "user_deleted"]
    assert [(each.actor, each.subject) for each in told] == [("cli", "erased")]
    assert lived_in.user_id not in str(installation.events())


def test_the_last_administrator_is_not_deleted(installation: Installation):
    installation.json("user", "add", EMAIL, "--admin", "--password-stdin", stdin=PASSWORD)
    refused = installation.run("user", "delete", EMAIL, "--yes")
    assert refused.exit_code == 1
    assert "last administrator" in refused.output
    assert len(installation.json("user", "list")["users"]) == 1


def test_guards_are_told_that_a_person_has_changed(lived_in: LivedIn):
    installation = lived_in.installation
    before = installation.json("session", "list")
    told = installation.json("user", "changed", EMAIL)
    assert (told["families_ended"], told["sessions_ended"], told["ended"]) == (0, 0, False)
    assert installation.json("session", "list") == before
    assert installation.events()[0].kind == "user_data_changed"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["add", "nobody"], "not an e-mail address"),
        (["add", EMAIL.title()], "is taken"),
    ],
)
def test_an_email_must_be_one_and_free(
    installation: Installation, arguments: list[str], sentence: str
):
    installation.json("user", "add", EMAIL, "--password-stdin", stdin=PASSWORD)
    refused = installation.refused("user", *arguments, "--password-stdin", stdin=PASSWORD)
    assert sentence in refused


def test_a_short_password_is_refused_and_not_repeated(installation: Installation):
    refused = installation.refused("user", "add", EMAIL, "--password-stdin", stdin="hunter2")
    assert "at least 8" in refused
    assert "hunter2" not in refused


def test_there_must_be_a_user_to_disable(installation: Installation):
    installation.json("user", "add", EMAIL, "--password-stdin", stdin=PASSWORD)
    assert "there is no user" in installation.refused("user", "disable", "eve@example.com")


def opens(installation: Installation, password: str) -> bool:
    async def action(authority: Authority) -> bool:
        async def work(tx: Transaction) -> User | None:
            return await tx.users.find_by_email(EMAIL)

        user = await authority.store.read(work)
        assert user is not None
        passwords = Passwords(1)
        try:
            return bool(await passwords.verify(password, user.password_hash))
        finally:
            passwords.close()

    return installation.with_authority(action)


def before_now(at: int) -> bool:
    return time.time() - 60 < at <= time.time()


def test_nobody_is_invited_unless_that_is_set(installation: Installation):
    told = installation.refused("user", "add", EMAIL, "--invite")
    assert "set registration to invitation" in told
    assert installation.json("user", "list")["users"] == []


def test_somebody_is_invited_and_has_no_password_yet(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    """S72: whoever runs the server sees no link, and no password opens the account."""
    monkeypatch.setenv("COUNTERFOIL_REGISTRATION", "invitation")
    told = installation.run("user", "add", EMAIL, "--invite")
    assert told.exit_code == 0
    assert "cfal_" not in told.output
    assert waiting(installation) == 1
    assert not opens(installation, "")
    assert "do not go together" in installation.refused(
        "user", "add", "b@example.com", "--invite", "--password-stdin", stdin=PASSWORD
    )
    assert installation.succeed("user", "invite", EMAIL) == f"{EMAIL} is invited.\n"
    assert waiting(installation) == 2


def test_an_administrator_vouches_for_an_address(installation: Installation):
    """Of accounts from before nobody knows whose the address is."""
    installation.json("user", "add", EMAIL, "--password-stdin", stdin=PASSWORD)
    assert installation.json("user", "list")["users"][0]["email_verified"] is False
    assert f"{EMAIL} is verified." in installation.succeed("user", "verify", EMAIL)
    assert installation.json("user", "list")["users"][0]["email_verified"] is True


def test_a_second_factor_is_seen_and_taken_away(installation: Installation):
    """S105: the person is told, and everything of theirs ends."""
    added = installation.json("user", "add", EMAIL, "--password-stdin", stdin=PASSWORD)
    has_one = Authenticator(user_id=added["id"], sealed=b"x", added_at=1, last_step=0)
    installation.transact(lambda tx: tx.second_factors.add_authenticator(has_one))
    assert installation.json("user", "list")["users"][0]["second_factor"] is True
    installation.succeed("user", "reset-second-factor", EMAIL, "--yes")
    assert installation.json("user", "list")["users"][0]["second_factor"] is False
    assert installation.newest_event().kind == "second_factor_removed"
    assert waiting(installation) == 1
    installation.succeed("user", "reset-second-factor", EMAIL, "--yes")
    assert waiting(installation) == 1, "nothing was left to take away"


def test_a_recovery_is_started_and_changes_nothing_yet(installation: Installation):
    installation.json("user", "add", EMAIL, "--password-stdin", stdin=PASSWORD)
    told = installation.succeed("user", "recover", EMAIL)
    assert told == f"{EMAIL} is sent a link to choose a new password.\n"
    assert waiting(installation) == 1
    assert opens(installation, PASSWORD)
    installation.succeed("user", "disable", EMAIL, "--yes")
    assert "disabled" in installation.refused("user", "recover", EMAIL)
    assert waiting(installation) == 1


def waiting(installation: Installation) -> int:
    """How many letters wait to be sent."""

    async def work(tx: Transaction) -> int:
        return sum([await tx.outbox.is_full(most) for most in range(1, 9)])

    return installation.transact(work)
