"""Conformance, on every engine: people and their browsers."""

import re
from pathlib import Path

import pytest

import counterfoil
from counterfoil.server.records.failures import Conflict
from counterfoil.server.records.store import Store, Transaction
from counterfoil.server.storage.statements.users import REMOVE
from tests.storage.samples import NOW, session, user

pytestmark = pytest.mark.anyio
MIGRATIONS = Path(counterfoil.__file__).parent / "server" / "storage" / "migrations"


async def test_a_user_is_found_by_id_and_by_any_spelling_of_the_email(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user(name="Ada", is_admin=True)))
    expected = user(name="Ada", is_admin=True)
    assert await store.read(lambda tx: tx.users.find("ada")) == expected
    assert await store.read(lambda tx: tx.users.find_by_email(" ADA@example.ORG ")) == expected
    assert await store.read(lambda tx: tx.users.find("bob")) is None
    assert await store.read(lambda tx: tx.users.find_by_email("bob@example.org")) is None


async def test_an_email_belongs_to_one_user_whatever_its_case(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    with pytest.raises(Conflict):
        await store.transact(lambda tx: tx.users.add(user(id="bob", email="ada@EXAMPLE.org")))
    assert await store.read(lambda tx: tx.users.every()) == [user()]


async def test_a_user_is_disabled_once(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    assert await store.transact(lambda tx: tx.users.disable("ada", NOW + 1))
    assert not await store.transact(lambda tx: tx.users.disable("ada", NOW + 2))
    assert not await store.transact(lambda tx: tx.users.disable("bob", NOW + 2))
    found = await store.read(lambda tx: tx.users.find("ada"))
    assert found is not None
    assert found.disabled_at == NOW + 1
    assert await store.transact(lambda tx: tx.users.enable("ada"))
    assert not await store.transact(lambda tx: tx.users.enable("ada"))
    assert not await store.transact(lambda tx: tx.users.enable("bob"))
    assert await store.read(lambda tx: tx.users.find("ada")) == user()


async def test_a_user_is_renamed_only_to_another_name(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    for name, renamed in (("Ada King", True), ("Ada King", False), (None, True), (None, False)):
        assert await store.transact(lambda tx, to=name: tx.users.rename("ada", to)) is renamed
        found = await store.read(lambda tx: tx.users.find("ada"))
        assert found is not None
        assert found.name == name
    assert not await store.transact(lambda tx: tx.users.rename("bob", "Bob"))


async def test_a_language_is_chosen_and_taken_back(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    for language, changed in (("de", True), ("de", False), ("", True), ("", False)):
        chosen = await store.transact(lambda tx, to=language: tx.users.set_language("ada", to))
        assert chosen is changed
        found = await store.read(lambda tx: tx.users.find("ada"))
        assert found == user(language=language)
    assert not await store.transact(lambda tx: tx.users.set_language("bob", "de"))


async def test_a_person_is_removed_with_all_that_is_theirs(store: Store) -> None:
    """And nobody else with them."""
    for one in (user(), user(id="bob", email="bob@example.org", is_admin=True)):
        await store.transact(lambda tx, one=one: tx.users.add(one))
        mine = session(id=f"of {one.id}", digest=one.id.encode(), user_id=one.id)
        await store.transact(lambda tx, mine=mine: tx.sessions.add(mine))
    assert await store.read(lambda tx: tx.users.is_another_administrator_than("ada"))
    assert not await store.read(lambda tx: tx.users.is_another_administrator_than("bob"))
    assert await store.transact(lambda tx: tx.users.remove("ada"))
    assert not await store.transact(lambda tx: tx.users.remove("ada"))
    assert await store.read(lambda tx: tx.users.find("ada")) is None
    assert await store.read(lambda tx: tx.sessions.find("of ada")) is None
    assert await store.read(lambda tx: tx.sessions.find("of bob")) is not None


def test_every_table_that_says_whose_its_rows_are_is_emptied_of_a_person() -> None:
    """Whoever keeps something new of people removes it with them."""
    owned = set[str]()
    for file in sorted(MIGRATIONS.glob("*.sql")):
        for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\n\)", file.read_text(), re.S):
            owned |= {name} if re.search(r"^    user_id ", body, re.M) else set()
    removed = {statement.split()[2] for statement in REMOVE}
    assert owned - removed == set()


async def test_a_password_is_changed_only_where_the_one_that_was_proved_still_stands(
    store: Store,
) -> None:
    """To check and to change are one statement: of two at once, one wins."""

    async def both(tx: Transaction) -> list[bool]:
        users = tx.users
        return [await users.change_password("ada", "old", each) for each in ("new", "other")]

    await store.transact(lambda tx: tx.users.add(user(password_hash="old")))
    assert await store.transact(both) == [True, False]
    assert not await store.transact(lambda tx: tx.users.change_password("bob", "old", "new"))
    assert await store.read(lambda tx: tx.users.find("ada")) == user(password_hash="new")
    assert await store.transact(lambda tx: tx.users.set_password("ada", "set"))
    assert not await store.transact(lambda tx: tx.users.set_password("bob", "set"))
    assert await store.read(lambda tx: tx.users.find("ada")) == user(password_hash="set")


async def test_failures_are_counted_and_a_lock_is_never_shortened(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    await store.transact(lambda tx: tx.users.note_failure("ada", NOW + 60))
    await store.transact(lambda tx: tx.users.note_failure("ada", NOW + 30))
    found = await store.read(lambda tx: tx.users.find("ada"))
    assert found is not None
    assert (found.failed_sign_ins, found.locked_until) == (2, NOW + 60)
    await store.transact(lambda tx: tx.users.note_success("ada"))
    assert await store.read(lambda tx: tx.users.find("ada")) == user()


async def test_a_session_is_found_by_its_name_and_by_its_secrets_digest(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    await store.transact(lambda tx: tx.sessions.add(session()))
    assert await store.read(lambda tx: tx.sessions.find("sid-1")) == session()
    assert await store.read(lambda tx: tx.sessions.find_by_digest(b"\x01" * 32)) == session()
    assert await store.read(lambda tx: tx.sessions.find_by_digest(b"\x09" * 32)) is None


async def test_sessions_are_listed_newest_first_without_ended_ones(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    for number in (1, 2, 3):
        new = session(id=f"s{number}", digest=bytes([number]), auth_time=NOW + number)
        await store.transact(lambda tx, new=new: tx.sessions.add(new))
    assert await store.transact(lambda tx: tx.sessions.end("s2", NOW + 9))
    assert not await store.transact(lambda tx: tx.sessions.end("s2", NOW + 10))
    assert not await store.transact(lambda tx: tx.sessions.end("never", NOW + 10))
    assert [s.id for s in await store.read(lambda tx: tx.sessions.of_user("ada"))] == ["s3", "s1"]
    assert [s.id for s in await store.read(lambda tx: tx.sessions.every())] == ["s3", "s1"]
    assert await store.read(lambda tx: tx.sessions.of_user("bob")) == []
    ended = await store.read(lambda tx: tx.sessions.find("s2"))
    assert ended is not None
    assert ended.ended_at == NOW + 9


async def test_a_session_is_doubted_once_until_it_is_renewed(store: Store) -> None:
    """S107: and none that has ended."""

    async def doubt(at: int) -> bool:
        return await store.transact(lambda tx: tx.sessions.doubt("sid-1", at))

    async def doubted_at() -> int | None:
        found = await store.read(lambda tx: tx.sessions.find("sid-1"))
        assert found is not None
        return found.doubted_at

    await store.transact(lambda tx: tx.users.add(user()))
    await store.transact(lambda tx: tx.sessions.add(session()))
    assert await doubted_at() is None
    assert await doubt(NOW)
    assert not await doubt(NOW + 1)
    assert await doubted_at() == NOW
    renewed = session(id="sid-1", digest=b"r" * 32)
    assert await store.transact(lambda tx: tx.sessions.renew(renewed))
    assert await doubted_at() is None
    await store.transact(lambda tx: tx.sessions.end("sid-1", NOW))
    assert not await doubt(NOW)


async def test_a_sessions_last_use_never_runs_backwards(store: Store) -> None:
    await store.transact(lambda tx: tx.users.add(user()))
    await store.transact(lambda tx: tx.sessions.add(session()))
    await store.transact(lambda tx: tx.sessions.touch({"sid-1": NOW + 9, "never": NOW + 9}))
    await store.transact(lambda tx: tx.sessions.touch({"sid-1": NOW + 5}))
    found = await store.read(lambda tx: tx.sessions.find("sid-1"))
    assert found is not None
    assert found.last_used_at == NOW + 9


async def test_when_a_browser_got_its_cookie_never_runs_backwards(store: Store) -> None:
    """S34."""
    await store.transact(lambda tx: tx.users.add(user()))
    await store.transact(lambda tx: tx.sessions.add(session(cookie_set_at=NOW)))
    for at in (NOW + 9, NOW + 5):
        noted = {"sid-1": at, "never": at}
        await store.transact(lambda tx, noted=noted: tx.sessions.note_cookies(noted))
    found = await store.read(lambda tx: tx.sessions.find("sid-1"))
    assert found == session(cookie_set_at=NOW + 9)


async def test_what_happened_to_a_person_is_counted(store: Store) -> None:
    """Each of its own, and of nobody else."""
    for each in (user(), user(id="grace", email="grace@example.com")):
        await store.transact(lambda tx, each=each: tx.users.add(each))
    for _ in range(2):
        await store.transact(lambda tx: tx.users.note_ending("ada"))
    await store.transact(lambda tx: tx.users.note_intrusion("ada"))
    await store.transact(lambda tx: tx.users.note_intrusion("nobody"))
    found = [await store.read(lambda tx, n=n: tx.users.find(n)) for n in ("ada", "grace")]
    assert [(each.endings, each.intrusions) for each in found if each] == [(2, 1), (0, 0)]
