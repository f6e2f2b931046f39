"""Credentials at the feed are welcome, and never demanded."""

import logging
from base64 import b64encode
from pathlib import Path

import pytest

from counterfoil.server.protocol.feed_guards import proved
from counterfoil.server.protocol.revocation import disable_client
from counterfoil.server.records.event import CLI
from tests.installation import Installation, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def place(tmp_path: Path):
    async with installed(tmp_path) as place:
        yield place


def basic(client_id: str, secret: str) -> str:
    return f"Basic {b64encode(f'{client_id}:{secret}'.encode()).decode()}"


async def test_a_client_with_its_secret_is_named_and_the_use_is_noted(place: Installation):
    authority = place.authority
    given = basic("service", place.secrets["service"])
    assert await proved(authority, given) == "service"
    await authority.activity.flush(authority.store)
    (secret,) = await authority.store.read(lambda tx: tx.clients.secrets_of("service"))
    assert secret.last_used_at == int(place.clock())


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer x",
        "Basic !",
        basic("service", "wrong"),
        basic("nobody", "x"),
        basic("spa", ""),
    ],
)
async def test_whatever_proves_nothing_gives_no_name(
    place: Installation, given: str | None, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.WARNING)
    assert await proved(place.authority, given) == ""
    assert "wrong" not in caplog.text
    assert ("without a name" in caplog.text) is (given is not None)


async def test_a_disabled_client_has_no_name(place: Installation):
    store = place.authority.store
    await store.transact(lambda tx: disable_client(tx, "service", CLI))
    assert await proved(place.authority, basic("service", place.secrets["service"])) == ""
