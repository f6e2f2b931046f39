"""People by the command line."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest

from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.records.second_factor import Authenticator
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from tests.cli.conftest import EMAIL, PASSWORD, Installation, LivedIn


def test_who_is_added_has_no_password_but_a_link(installation: Installation):
    """ASVS V6.4.1: random, good once, for a time; it is never the password."""
    added = installation.json("user", "add", EMAIL)
    link = added.pop("link")
    assert link.startswith("http://127.0.0.1:8000/welcome?token=cfal_")
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
        "mailed_codes": False,
    }
    assert not opens(installation, "")
    assert "cfal_" not in str(installation.json("user", "list"))
    assert waiting(installation) == 0, "no mail is sent here"


def test_the_handbook_finds_the_link_in_what_is_printed(installation: Installation):
    page = Path(__file__).parents[2] / "docs" / "how-to" / "let-people-register.md"
    picks = re.search(r"--json \| (sed .*)\)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert picks is not None
    printed = installation.succeed("user", "add", EMAIL, "--json")
    picked = subprocess.check_output(picks[1], shell=True, input=printed, text=True)
    assert picked == json.loads(printed)["link"] + "\n"


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_an_account_is_claimed_by_its_link_once(installation: Installation, end: str):
    link = installation.json("user", "add", EMAIL, "--name", "Ada")["link"]
    claimed = installation.json("user", "claim", link, "--password-stdin", stdin=PASSWORD + end)
    assert claimed == {"email": EMAIL}
    assert opens(installation, PASSWORD)
    (shown,) = installation.json("user", "list")["users"]
    assert (shown["name"], shown["email_verified"]) == ("Ada", False), "no mail was read"
    told = installation.events()[0]
    assert (told.kind, told.actor, told.proof) == ("user_joined", f"user:{shown['id']}", "link")
    again = installation.refused("user", "claim", link, "--password-stdin", stdin="another one")
    assert "not good" in again
    assert opens(installation, PASSWORD)
    assert installation.json("session", "list") == {"sessions": []}


def test_a_password_is_asked_for_twice_and_not_shown(installation: Installation):
    link = installation.json("user", "add", EMAIL, "--admin")["link"]
    typed = f"{PASSWORD}\n{PASSWORD}\n"
    result = installation.run("user", "claim", link, "--name", "Ada", stdin=typed)
    assert (result.exit_code, result.stdout) == (0, f"{EMAIL} can sign in.\n")
    assert PASSWORD not in result.output
    assert opens(installation, PASSWORD)
    (shown,) = installation.json("user", "list")["users"]
    assert (shown["name"], shown["is_admin"]) == ("Ada", True)


def test_a_link_need_not_be_an_argument(installation: Installation):
    """Arguments are seen by everybody on the machine."""
    link = installation.json("user", "add", EMAIL)["link"]
    given = f"{link}\n{PASSWORD}\n"
    installation.succeed("user", "claim", "-", "--password-stdin", stdin=given)
    assert opens(installation, PASSWORD)


@pytest.mark.parametrize("link", ["nonsense", "http://[", "?token=", "?token=cfal_x"])
def test_what_is_no_link_claims_nothing(installation: Installation, link: str):
    installation.json("user", "add", EMAIL)
    told = installation.refused("user", "claim", link, "--password-stdin", stdin=PASSWORD)
    assert "the link is not good" in told


def test_nobody_is_there_before_somebody_is_added(installation: Installation):
    """ASVS V6.3.2: no account and no client comes with the house."""
    installation.succeed("api", "add", "https://notes.example", "--scope", "read=Read")
    assert installation.json("user", "list")["users"] == []
    assert installation.json("client", "list")["clients"] == []


def test_whose_password_is_ended_is_told(lived_in: LivedIn, mailing: None):
    """ASVS V6.3.7: by mail, with a link to choose another; no command says what it is."""
    run = lived_in.installation
    assert not run.transact(lambda tx: tx.outbox.is_full(1))
    run.succeed("user", "end-password", EMAIL, "--yes")
    assert run.transact(lambda tx: tx.outbox.is_full(1))


def test_people_are_listed(installation: Installation):
    added = installation.json("user", "add", EMAIL, "--name", "Ada Lovelace")
    del added["link"]
    assert installation.json("user", "list") == {"users": [added]}
    assert "Ada Lovelace" in installation.succeed("user", "list")


def test_disabling_an_account_ends_everything_of_it(lived_in: LivedIn):
    installation = lived_in.installation
    ended = installation.json("user", "disable", EMAIL.upper(), "--yes")
    assert (ended["families_ended"], ended["sessions_ended"]) == (2, 1)
    assert installation.json("user", "list")["users"][0]["disabled_at"] is not None
    assert installation.json("session", "list") == {"sessions": []}
    actors = {event.actor for event in installation.events()}
    assert actors == {"cli", "janitor", "server", f"user:{lived_in.user_id}"}


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
    installation.add_user("--admin")
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
    installation.add_user()
    refused = installation.refused("user", *arguments)
    assert sentence in refused


def test_a_short_password_is_refused_and_not_repeated(installation: Installation):
    link = installation.json("user", "add", EMAIL)["link"]
    for weak, says in (("hunter2", "at least 8"), ("password1", "Many people")):
        refused = installation.refused("user", "claim", link, "--password-stdin", stdin=weak)
        assert says in refused
        assert weak not in refused
    installation.succeed("user", "claim", link, "--password-stdin", stdin=PASSWORD)


def test_there_must_be_a_user_to_disable(installation: Installation):
    installation.add_user()
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


def test_a_link_that_is_mailed_is_shown_to_nobody(installation: Installation, mailing: None):
    """S72, ASVS V6.4.6: whoever runs the server sees none, and so chooses no password."""
    told = installation.run("user", "add", EMAIL)
    assert told.exit_code == 0
    assert "is sent a link" in told.output
    assert "cfal_" not in told.output
    assert waiting(installation) == 1
    assert installation.succeed("user", "invite", EMAIL) == f"{EMAIL} is invited.\n"
    told = installation.succeed("user", "recover", EMAIL)
    assert told == f"{EMAIL} is sent a link to choose a new password.\n"
    assert installation.json("user", "invite", EMAIL)["link"] is None
    assert waiting(installation) == 4
    assert not opens(installation, "")


def test_a_newer_invitation_ends_the_one_before(installation: Installation):
    first = installation.json("user", "add", EMAIL)["link"]
    invited = installation.run("user", "invite", EMAIL)
    second = invited.stdout.strip()
    assert second.startswith("http"), "and nothing beside it, for scripts"
    assert "who opens it chooses the password" in invited.stderr
    claim = ("--password-stdin",)
    assert "not good" in installation.refused("user", "claim", first, *claim, stdin=PASSWORD)
    installation.succeed("user", "claim", second, *claim, stdin=PASSWORD)
    assert "in use already" in installation.refused("user", "invite", EMAIL)


def test_an_administrator_vouches_for_an_address(installation: Installation):
    """Of accounts from before nobody knows whose the address is."""
    installation.add_user()
    assert installation.json("user", "list")["users"][0]["email_verified"] is False
    assert f"{EMAIL} is verified." in installation.succeed("user", "verify", EMAIL)
    assert installation.json("user", "list")["users"][0]["email_verified"] is True


def test_a_second_factor_is_seen_and_taken_away(installation: Installation):
    """S105: the person is told, and everything of theirs ends."""
    added = installation.add_user()
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
    installation.add_user()
    link = installation.succeed("user", "recover", EMAIL)
    assert link.startswith("http://127.0.0.1:8000/new-password?token=cfal_")
    assert opens(installation, PASSWORD)
    told = installation.newest_event()
    assert (told.kind, told.actor, told.detail) == ("recovery_started", "cli", {"link": "printed"})
    refused = installation.refused("user", "claim", link, "--password-stdin", stdin="another one")
    assert "not good" in refused, "only the page ends what a recovery ends"
    installation.succeed("user", "disable", EMAIL, "--yes")
    assert "disabled" in installation.refused("user", "recover", EMAIL)


def test_a_password_is_ended_and_chosen_by_nobody_else(installation: Installation):
    """ASVS V6.4.6."""
    installation.json("user", "add", EMAIL)
    assert "has no password" in installation.refused("user", "end-password", EMAIL, "--yes")
    installation.succeed("user", "claim", link_of(installation), "--password-stdin", stdin=PASSWORD)
    installation.succeed("user", "end-password", EMAIL, "--yes")
    assert not opens(installation, PASSWORD)
    assert "in use already" in installation.refused("user", "invite", EMAIL)


def link_of(installation: Installation) -> str:
    return installation.succeed("user", "invite", EMAIL).strip()


@pytest.fixture
def mailing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where mail is sent, if a server runs."""
    monkeypatch.setenv("COUNTERFOIL_MAIL_HOST", "mail.example")
    monkeypatch.setenv("COUNTERFOIL_MAIL_SENDER", "us@example.com")


def waiting(installation: Installation) -> int:
    """How many letters wait to be sent."""

    async def work(tx: Transaction) -> int:
        return sum([await tx.outbox.is_full(most) for most in range(1, 9)])

    return installation.transact(work)
