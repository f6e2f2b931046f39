"""Remembered browsers by the command line."""

from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from tests.cli.conftest import EMAIL, LivedIn


def test_one_is_listed_and_forgotten_with_its_session(lived_in: LivedIn):
    """S24: what it will end is said before, and the person's other browsers stand."""
    run = lived_in.installation

    async def work(tx: Transaction) -> None:
        session = await tx.sessions.find(lived_in.session_id)
        assert session is not None
        await tx.sessions.tie(session.id, session.digest, "tied")
        for name in ("tied", "-other"):
            remembered = RememberedBrowser(
                id=name, user_id=session.user_id, digest=name.encode(), browser="b",
                auth_time=tx.now, amr=("pwd",), used_at=tx.now, expires_at=tx.now + 86_400,
                origin=Origin("192.0.2.9", "Firefox\x1b[31m"),
            )  # fmt: skip
            await tx.remembered_browsers.add(remembered)

    run.transact(work)
    listed = run.json("remembered", "list", EMAIL)["remembered_browsers"]
    assert {each["id"] for each in listed} == {"tied", "-other"}
    assert "\x1b" not in run.succeed("remembered", "list", EMAIL)
    asked = run.refused("remembered", "end", "tied")
    assert "remembered no more" in asked
    assert "give --yes" in asked
    ended = run.json("remembered", "end", "tied", "--yes")
    assert (ended["remembered_browsers_ended"], ended["sessions_ended"]) == (1, 1)
    assert ended["families_ended"] == 1, "the offline one stands"
    assert "there is no remembered browser tied" in run.refused(
        "remembered", "end", "tied", "--yes"
    )
    run.succeed("remembered", "end", "-other", "--yes")
    assert "No browser is remembered." in run.succeed("remembered", "list", EMAIL)
