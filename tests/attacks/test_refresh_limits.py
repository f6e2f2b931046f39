"""Refreshing longer than a setting allowed: what it refused comes back by no way (S26, S30)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.server.opening import Outside, open_authority
from counterfoil.server.protocol import registration, shortening
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.store import Transaction
from tests.installation import (
    Installation,
    Person,
    answer_of,
    installed,
    restarted,
    token_request,
)

pytestmark = pytest.mark.anyio

DAY = 86_400
ONLINE, OFFLINE = "openid notes:read", "openid notes:read offline_access"

SHORTER = [
    (ONLINE, {"refresh_idle_lifetime": 60}, {}),
    (OFFLINE, {"offline_idle_lifetime": 60}, {}),
    (
        ONLINE,
        {"refresh_idle_lifetime": 60, "refresh_absolute_lifetime": 60},
        {"refresh_idle_lifetime": DAY},
    ),
    (
        OFFLINE,
        {"offline_idle_lifetime": 60, "offline_absolute_lifetime": 60},
        {"offline_idle_lifetime": DAY},
    ),
    (ONLINE, {"reproof_interval": 60}, {"refresh_absolute_lifetime": DAY}),
    (OFFLINE, {"reproof_interval": 60}, {"reproof_interval": DAY}),
]
"""What is asked for, the settings that are shorter for a while, and the policy of the client: one
of its own for one limit leaves the other to the settings."""


async def give_policy(place: Installation, **policy: Any) -> None:
    async def work(tx: Transaction) -> None:
        found = await tx.clients.find("app")
        assert found is not None
        wanted = replace(found, policy=replace(found.policy, **policy))
        await registration.update_client(tx, wanted, CLI, development=True)

    await place.authority.store.transact(work)


async def tokens_of(place: Installation, scope: str) -> dict[str, Any]:
    async with place.browser() as browser:
        return await Person(place, browser).tokens(scope=scope)


async def refresh(place: Installation, tokens: dict[str, Any]) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return (await token_request(place, "app", **form)).json()


async def is_dead(place: Installation, tokens: dict[str, Any]) -> bool:
    """Refused as a token that is not there any more; introspection says the same."""
    said = (await place.post("/introspect", "app", token=tokens["refresh_token"])).json()
    refused = (await refresh(place, tokens)).get("error") == "invalid_grant"
    assert refused is not said["active"]
    return refused


async def clip(place: Installation) -> None:
    """Do all of the janitor's chore."""
    while await place.authority.store.transact(shortening.clip_some):
        pass


@asynccontextmanager
async def begun(folder: Path, scope: str) -> AsyncIterator[tuple[Installation, dict[str, Any]]]:
    async with installed(folder) as place:
        await clip(place)
        yield place, await tokens_of(place, scope)


@pytest.mark.parametrize("clipped", [True, False], ids=["clipped", "ended before that"])
@pytest.mark.parametrize(("scope", "shorter", "policy"), SHORTER)
async def test_a_setting_that_was_shorter_for_a_while_revives_nothing(
    tmp_path: Path, scope: str, shorter: dict[str, int], policy: dict[str, int], *, clipped: bool
) -> None:
    """S26: nor does one that asked for proof anew (S30)."""
    async with begun(tmp_path, scope) as (before, tokens):
        await give_policy(before, **policy)
    async with restarted(before, **shorter) as meanwhile:
        if clipped:
            await clip(meanwhile)
        meanwhile.clock.turn(60)
        assert await is_dead(meanwhile, tokens)
    async with restarted(before) as after:
        assert await is_dead(after, tokens)
        await clip(after)
        assert await is_dead(after, tokens)
        fresh = await tokens_of(after, scope)
        after.clock.turn(120)
        assert not await is_dead(after, fresh)


@pytest.mark.parametrize(("scope", "shorter", "_"), SHORTER)
async def test_refused_by_nobody_it_comes_to_no_harm(
    tmp_path: Path, scope: str, shorter: dict[str, int], _: object
) -> None:
    """Refreshed in time, a family goes on by the limits of today."""
    async with begun(tmp_path, scope) as (before, tokens):
        pass
    async with restarted(before, **shorter) as meanwhile:
        await clip(meanwhile)
        meanwhile.clock.turn(59)
    async with restarted(before) as after:
        tokens = await refresh(after, tokens)
        after.clock.turn(120)
        assert not await is_dead(after, tokens)


async def test_a_policy_of_the_client_that_says_longer_is_not_clipped(tmp_path: Path) -> None:
    async with begun(tmp_path, OFFLINE) as (before, tokens):
        await give_policy(before, offline_idle_lifetime=DAY)
    async with restarted(before, offline_idle_lifetime=60) as meanwhile:
        await clip(meanwhile)
        meanwhile.clock.turn(600)
    async with restarted(before) as after:
        assert not await is_dead(after, tokens)


async def test_what_a_setting_refused_is_not_revived_by_a_policy(tmp_path: Path) -> None:
    """Nor by one that was taken back while the setting was shorter, and the setting after it."""
    async with begun(tmp_path, OFFLINE) as (before, tokens):
        await give_policy(before, offline_idle_lifetime=DAY)
    async with restarted(before, offline_idle_lifetime=60) as meanwhile:
        await clip(meanwhile)
        await give_policy(meanwhile, offline_idle_lifetime=None)
        meanwhile.clock.turn(60)
        assert await is_dead(meanwhile, tokens)
        await give_policy(meanwhile, offline_idle_lifetime=DAY)
        assert await is_dead(meanwhile, tokens)
    async with restarted(before) as after:
        assert await is_dead(after, tokens)


async def test_a_policy_given_before_the_clipping_came_so_far_revives_nothing(
    tmp_path: Path,
) -> None:
    async with begun(tmp_path, OFFLINE) as (before, tokens):
        pass
    async with restarted(before, offline_idle_lifetime=60) as meanwhile:
        meanwhile.clock.turn(60)
        assert await is_dead(meanwhile, tokens)
        await give_policy(meanwhile, offline_idle_lifetime=DAY)
        assert await is_dead(meanwhile, tokens)
        await clip(meanwhile)
        assert await is_dead(meanwhile, tokens)


async def test_a_process_that_was_left_behind_renews_nothing_for_longer(tmp_path: Path) -> None:
    """A rolling restart: what the old process renews after the clipping is bound all the same."""
    async with begun(tmp_path, OFFLINE) as (old, tokens):
        untouched = await tokens_of(old, OFFLINE)
        async with restarted(old, offline_idle_lifetime=60) as fresh:
            await clip(fresh)
            out = [untouched, await refresh(old, tokens), await tokens_of(old, OFFLINE)]
            fresh.clock.turn(60)
            for each in out:
                assert await is_dead(old, each)
                assert await is_dead(fresh, each)
    async with restarted(old) as after:
        for each in out:
            assert await is_dead(after, each)


@pytest.mark.parametrize(
    "shorter", [{"offline_idle_lifetime": 60}, {"reproof_interval": 60}], ids=["idle", "proof"]
)
async def test_two_servers_that_differ_never_disagree(
    tmp_path: Path, shorter: dict[str, int]
) -> None:
    """Both go by what the last to start wants: else one renews what the other refused."""
    async with begun(tmp_path, OFFLINE) as (old, _), restarted(old, **shorter) as strict:
        await clip(strict)
        async with restarted(old) as generous:
            for first, then in ((strict, generous), (generous, strict)):
                tokens = await tokens_of(first, OFFLINE)
                old.clock.turn(60)
                assert not await is_dead(first, tokens)
                tokens = await tokens_of(first, OFFLINE)
                old.clock.turn(60)
                assert not await is_dead(then, tokens)


async def test_a_process_that_was_left_behind_begins_nothing_that_is_born_dead(
    tmp_path: Path,
) -> None:
    """S32: it asks for a sign-in as young as the limits in force want, not its own settings."""
    shorter = {"offline_idle_lifetime": 60, "offline_absolute_lifetime": 60}
    async with begun(tmp_path, OFFLINE) as (old, _), old.browser() as browser:
        person = Person(old, browser)
        await person.tokens(scope=OFFLINE)
        async with restarted(old, **shorter):
            old.clock.turn(60)
            page = await person.open(scope=OFFLINE)
            assert 'name="password"' in page.text
            back = await person.sign_in(page)
            tokens = (await person.exchange(answer_of(back)["code"])).json()
            assert not await is_dead(old, tokens)


async def test_a_command_with_other_settings_shortens_nothing(tmp_path: Path) -> None:
    async with begun(tmp_path, OFFLINE) as (before, tokens):
        beside = replace(before.authority.settings, offline_idle_lifetime=60)
        command = await open_authority(beside, Outside(clock=before.clock))
        await command.store.close()
        await clip(before)
        before.clock.turn(600)
        assert not await is_dead(before, tokens)


async def test_a_server_that_ends_as_often_as_it_starts_revives_nothing(tmp_path: Path) -> None:
    """Longer settings wait until all is clipped, however often they change."""
    async with begun(tmp_path, OFFLINE) as (before, tokens):
        pass
    async with restarted(before, offline_idle_lifetime=60) as meanwhile:
        meanwhile.clock.turn(60)
    for longer in (61, 7200, DAY):
        async with restarted(before, offline_idle_lifetime=longer) as after:
            assert await is_dead(after, tokens)
