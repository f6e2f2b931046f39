"""Moving as an attack: to spend twice at two databases, and to bring back what had ended."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from counterfoil.oauth.revocations import Ended, Marks, Notice, RevocationSet
from counterfoil.server import moving
from counterfoil.server.keys.master_key import MasterKeyError
from counterfoil.server.keys.sealing import NotSealed
from counterfoil.server.moving import MoveRefused, Place
from counterfoil.server.opening import DATABASE, Outside
from counterfoil.server.records.failures import StoreShut
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.settings import Settings, load
from tests.flows.test_copy import served_on
from tests.flows.test_restore import ANYTHING, refreshed
from tests.installation import Installation, Person, installed

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("about the file of SQLite")]


@pytest.fixture
async def own(tmp_path: Path):
    async with installed(tmp_path / "data", sign_in_rate_per_minute=1000) as place:
        yield place


def quiet(_: Any) -> None:
    """Nobody watches."""


def outside(place: Installation) -> Outside:
    return Outside(clock=place.clock)


def there(place: Installation, data: Path) -> Settings:
    settings = place.authority.settings
    key = str(settings.master_key_file)
    return load({}, {"data": str(data), "port": settings.port, "master_key_file": key})


async def backed_up(place: Installation, path: Path) -> Path:
    await moving.back_up(place.authority.settings, path, quiet, outside(place))
    return path


async def restored(place: Installation, backup: Path, data: Path) -> Settings:
    """Restore a backup beside the installation, as if that were lost; servers may use it."""
    settings = there(place, data)
    await moving.restore(settings, backup, moving.place_of(settings), quiet, outside(place))
    await moving.reopen(settings, outside(place))
    return settings


async def test_what_was_spent_here_is_not_spent_again_at_the_copy(
    own: Installation, tmp_path: Path
) -> None:
    """A code and a refresh token that were used before the copy are reuse at the copy."""
    async with own.browser() as browser:
        person = Person(own, browser)
        code = await person.code(scope=ANYTHING)
        tokens = (await person.exchange(code)).json()
        newer = (await refreshed(own, tokens["refresh_token"])).json()
        own.clock.turn(60)  # beyond the time for lost answers
        settings = there(own, tmp_path / "copy")
        await moving.copy(own.authority.settings, moving.place_of(settings), quiet, outside(own))
        async with served_on(settings, own) as copy:
            there_too = Person(copy, browser)
            there_too.verifier = person.verifier
            assert (await there_too.exchange(code)).status_code == 400
            assert (await refreshed(copy, tokens["refresh_token"])).status_code == 400
            again = await refreshed(copy, newer["refresh_token"])
            assert again.status_code == 400, "its family ended with the replay"


async def test_what_was_not_spent_is_spent_once_though_both_are_asked(
    own: Installation, tmp_path: Path
) -> None:
    async with own.browser() as browser:
        person = Person(own, browser)
        code = await person.code(scope=ANYTHING)
        settings = there(own, tmp_path / "copy")
        await moving.copy(own.authority.settings, moving.place_of(settings), quiet, outside(own))
        async with served_on(settings, own) as copy:
            there_too = Person(copy, browser)
            there_too.verifier = person.verifier
            answers = [
                (await side.exchange(code)).status_code
                for side in (person, there_too, person, there_too)
            ]
            assert answers == [503, 200, 503, 400]


async def test_half_a_copy_serves_nobody_and_the_other_half_neither(
    own: Installation, tmp_path: Path
) -> None:
    class Died(Exception):
        pass

    def die(_: Any) -> None:
        raise Died

    settings = there(own, tmp_path / "copy")
    with pytest.raises(Died):
        await moving.copy(own.authority.settings, moving.place_of(settings), die, outside(own))
    with pytest.raises(StoreShut, match="it is not whole"):
        async with served_on(settings, own):
            pass
    answer = await own.post("/token", "service", grant_type="client_credentials")
    assert answer.status_code == 503
    with pytest.raises(MoveRefused, match="it is not whole"):
        await moving.reopen(settings, outside(own))


async def test_whoever_opens_what_was_left_finds_nothing_alive_in_it(
    own: Installation, tmp_path: Path
) -> None:
    """Else what the copy has ended would live here: it is as if a backup had been restored."""
    async with own.browser() as browser:
        person = Person(own, browser)
        tokens = await person.tokens(scope=ANYTHING)
        settings = there(own, tmp_path / "copy")
        await moving.copy(own.authority.settings, moving.place_of(settings), quiet, outside(own))
        opened = await moving.reopen(own.authority.settings, outside(own))
        assert opened.beginning is not None
        answer = await refreshed(own, tokens["refresh_token"])
        assert answer.status_code == 503, "nobody has looked yet"
        await moving.reopen(own.authority.settings, outside(own))
        assert (await refreshed(own, tokens["refresh_token"])).status_code == 400
        assert 'name="password"' in (await person.open()).text


async def test_what_was_left_later_than_now_is_not_opened(
    own: Installation, tmp_path: Path
) -> None:
    """By a clock that runs behind, a generation could be drawn that the copy has drawn."""
    to = moving.place_of(there(own, tmp_path / "copy"))
    await moving.copy(own.authority.settings, to, quiet, outside(own))
    own.clock.turn(-1)
    with pytest.raises(MoveRefused, match="set it right"):
        await moving.reopen(own.authority.settings, outside(own))
    own.clock.turn(1)
    assert (await moving.reopen(own.authority.settings, outside(own))).beginning is not None


async def test_who_opens_in_the_moment_in_which_the_copy_is_whole_is_refused(
    own: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """He has looked when the copy was half, and nothing would have had to end."""

    class Died(Exception):
        pass

    def die(_: Any) -> None:
        raise Died

    settings = there(own, tmp_path / "copy")
    to = moving.place_of(settings)
    with pytest.raises(Died):
        await moving.copy(own.authority.settings, to, die, outside(own))
    looked = moving._standing

    async def looked_and_finished(end: Any) -> Any:
        fence = await looked(end)
        await moving.copy(own.authority.settings, to, quiet, outside(own))
        return fence

    monkeypatch.setattr(moving, "_standing", looked_and_finished)
    with pytest.raises(MoveRefused, match="moved meanwhile"):
        await moving.reopen(own.authority.settings, outside(own))
    answer = await own.post("/token", "service", grant_type="client_credentials")
    assert answer.status_code == 503


async def test_a_copy_that_was_given_up_leaves_all_as_it_was(
    own: Installation, tmp_path: Path
) -> None:
    """Nobody can have lived there: nothing ends. And what was copied can never be opened."""

    class Died(Exception):
        pass

    def die(_: Any) -> None:
        raise Died

    async with own.browser() as browser:
        tokens = await Person(own, browser).tokens(scope=ANYTHING)
    settings = there(own, tmp_path / "copy")
    with pytest.raises(Died):
        await moving.copy(own.authority.settings, moving.place_of(settings), die, outside(own))
    opened = await moving.reopen(own.authority.settings, outside(own))
    assert opened.beginning is None
    assert (await refreshed(own, tokens["refresh_token"])).status_code == 200
    with pytest.raises(MoveRefused, match="half a copy of another move"):
        await moving.copy(own.authority.settings, moving.place_of(settings), quiet, outside(own))


async def test_what_was_spent_after_the_backup_is_not_spent_again(
    own: Installation, tmp_path: Path
) -> None:
    """The backup holds a code that nobody had used, and a refresh token that was the newest."""
    async with own.browser() as browser:
        person = Person(own, browser)
        tokens = await person.tokens(scope=ANYTHING)
        code = await person.code(scope=ANYTHING)
        backup = await backed_up(own, tmp_path / "backup")
        spent = (await person.exchange(code)).json()
        assert (await refreshed(own, tokens["refresh_token"])).status_code == 200
        settings = await restored(own, backup, tmp_path / "restored")
        async with served_on(settings, own) as after:
            there_too = Person(after, browser)
            there_too.verifier = person.verifier
            assert (await there_too.exchange(code)).status_code == 400
            for token in (tokens["refresh_token"], spent["refresh_token"]):
                assert (await refreshed(after, token)).status_code == 400


async def test_restoring_twice_brings_back_nothing_of_either_life(
    own: Installation, tmp_path: Path
) -> None:
    """The same backup again: generations, epochs and keys are others than the first time."""
    backup = await backed_up(own, tmp_path / "backup")
    first = await restored(own, backup, tmp_path / "first")
    async with served_on(first, own) as place:
        async with place.browser() as browser:
            tokens = await Person(place, browser).tokens(scope=ANYTHING)
        epochs = {place.authority.hub.position.epoch}
        generations = [await generation_of(place)]
        for _ in range(3):
            await place.authority.store.transact(lambda tx: tx.clients.next_generation("app"))
        generations.append(await generation_of(place))
    own.clock.turn(1)
    second = await restored(own, backup, tmp_path / "second")
    async with served_on(second, own) as place:
        epochs.add(place.authority.hub.position.epoch)
        generations.append(await generation_of(place))
        assert (await refreshed(place, tokens["refresh_token"])).status_code == 400
        answer = await place.post("/introspect", "app", token=tokens["access_token"])
        assert answer.json() == {"active": False}
    assert len(epochs) == 2
    assert generations == sorted(set(generations))


async def generation_of(place: Installation) -> int:
    client = await place.authority.store.read(lambda tx: tx.clients.find("app"))
    assert client is not None
    return client.generation


def test_a_guard_refuses_by_what_it_heard_in_an_epoch_before() -> None:
    """A generation that was drawn between backup and loss ends nothing that is issued afterwards.

    And what it ended stays ended: no generation comes twice.
    """
    ended = RevocationSet()
    ended.apply(Notice(Ended.CLIENT, "app", 2_000_000_000, 7))

    def of(generation: int) -> Marks:
        return Marks("jti", "", "app", generation, "api", 1, "kid")

    assert ended.rejects(of(6), 0) is not None
    assert ended.rejects(of(1_800_000_000 << 20), 0) is None


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE users SET is_admin = 1",
        "UPDATE sessions SET ended_at = NULL",
        "UPDATE signing_keys SET withdrawn_at = NULL, gone_at = NULL",
        "DELETE FROM notices",
        "CREATE TRIGGER back AFTER UPDATE OF ended_at ON sessions "
        "BEGIN UPDATE sessions SET ended_at = NULL; END",
    ],
)
async def test_a_backup_into_which_somebody_wrote_is_not_restored(
    own: Installation, tmp_path: Path, change: str
) -> None:
    async with own.browser() as browser:
        await Person(own, browser).tokens()
    (key,) = await own.authority.store.read(lambda tx: tx.signing_keys.every(Purpose.TOKENS))
    await own.authority.store.transact(
        lambda tx: own.authority.rotation.withdraw(tx, key.kid, moving.CLI)
    )
    users = await own.authority.store.read(lambda tx: tx.users.every())
    await own.authority.store.transact(lambda tx: _end_sessions(tx, users[0].id))
    backup = await backed_up(own, tmp_path / "backup")
    with closing(apsw.Connection(str(backup))) as engine:
        engine.execute(change)
    with pytest.raises(MoveRefused, match="are not those"):
        await restored(own, backup, tmp_path / "restored")
    assert not (tmp_path / "restored" / DATABASE).exists()


async def _end_sessions(tx: Any, user_id: str) -> None:
    for session in await tx.sessions.of_user(user_id):
        await tx.sessions.end(session.id, tx.now)


async def test_a_backup_of_another_installation_is_not_restored(
    own: Installation, tmp_path: Path
) -> None:
    """Whoever has an installation can seal what he likes, but not under this master key."""
    async with installed(tmp_path / "other") as other:
        backup = await backed_up(other, tmp_path / "backup")
    with pytest.raises((MasterKeyError, NotSealed)):
        await restored(own, backup, tmp_path / "restored")


async def test_a_clock_that_runs_behind_the_backup_is_refused(
    own: Installation, tmp_path: Path
) -> None:
    """Generations are drawn by it: they would come twice."""
    backup = await backed_up(own, tmp_path / "backup")
    own.clock.turn(-60)
    with pytest.raises(MoveRefused, match="set it right"):
        await restored(own, backup, tmp_path / "restored")


async def test_nothing_is_restored_over_what_lives(own: Installation, tmp_path: Path) -> None:
    """Nor beside the log of a database that was lost, which SQLite would write into it."""
    backup = await backed_up(own, tmp_path / "backup")
    settings = own.authority.settings
    for to in (moving.place_of(settings), Place(settings.data / DATABASE)):
        with pytest.raises(MoveRefused, match="is there: move it away"):
            await moving.restore(settings, backup, to, quiet, outside(own))
    assert await own.service_token()


async def test_a_backup_holds_no_secret_that_the_database_does_not(
    own: Installation, tmp_path: Path
) -> None:
    """No token, password or key in the clear; and nobody else may read it."""
    async with own.browser() as browser:
        tokens = await Person(own, browser).tokens(scope=ANYTHING)
    backup = await backed_up(own, tmp_path / "backup")
    content = backup.read_bytes()
    held: list[Callable[[], str]] = [
        lambda: tokens["refresh_token"],
        lambda: tokens["access_token"],
        lambda: own.secrets["app"],
        lambda: own.authority.settings.master_key_file.read_text().strip(),
    ]
    for secret in held:
        assert secret().encode() not in content
    assert backup.stat().st_mode & 0o777 == 0o600
