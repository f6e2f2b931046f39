"""The pipeline of the token endpoint: a grant type only decides, and forgets no check."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol import token_endpoint
from counterfoil.server.protocol.grant_types import GRANT_TYPES
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction, Work
from tests.installation import Installation, installed
from tests.proofs import Holder

pytestmark = pytest.mark.anyio


async def respond(place: Installation, **form: str):
    asked = token_endpoint.Asked(urlencode(form).encode(), None, Origin())
    return await token_endpoint.respond(place.authority, asked)


async def refusal(place: Installation, **form: str) -> str:
    with pytest.raises(OAuthError) as refused:
        await respond(place, **form)
    return refused.value.error


async def test_the_answer_is_minted_from_what_was_decided(place: Installation):
    answer = await respond(
        place,
        grant_type="client_credentials",
        client_id="service",
        client_secret=place.secrets["service"],
    )
    assert answer.token_type == "Bearer"
    assert answer.scope == "notes:read notes:write"


@pytest.mark.parametrize("grant_type", GRANT_TYPES)
async def test_no_grant_type_is_reached_without_authentication(
    place: Installation, grant_type: str
):
    """RFC 6749 §3.2.1: whatever else the request lacks."""
    wrong = {"grant_type": grant_type, "client_id": "service", "client_secret": "x"}
    assert await refusal(place, **wrong) == "invalid_client"


@pytest.mark.parametrize("grant_type", GRANT_TYPES)
async def test_no_grant_type_is_reached_without_permission(place: Installation, grant_type: str):
    """RFC 6749 §5.2: unauthorized_client."""
    client_id = "app" if grant_type == "client_credentials" else "service"
    given = {"client_id": client_id, "client_secret": place.secrets[client_id]}
    assert await refusal(place, grant_type=grant_type, **given) == "unauthorized_client"


async def test_the_grant_type_is_asked_for_first(place: Installation):
    assert await refusal(place) == "invalid_request"
    assert await refusal(place, grant_type="magic") == "unsupported_grant_type"


async def test_a_used_secret_is_noted(place: Installation):
    given = {"client_id": "service", "client_secret": place.secrets["service"]}
    await respond(place, grant_type="client_credentials", **given)
    await place.authority.activity.flush(place.authority.store)
    (secret,) = await place.authority.store.read(lambda tx: tx.clients.secrets_of("service"))
    assert secret.last_used_at == int(place.clock())


async def test_whose_work_is_spoilt_by_another_and_run_anew_has_come_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Who shares a transaction with one that fails on purpose must not be told to wait for it."""
    async with installed(tmp_path, client_rate_per_minute=4) as place:
        store, holder = place.authority.store, Holder()
        transact = store.transact

        class Spoilt(Exception):
            pass

        async def run_anew(work: Work[Any], *, beside: bool = False, **_: bool) -> object:
            async def spoilt(tx: Transaction) -> None:
                await work(tx)
                raise Spoilt

            with suppress(Spoilt):
                await transact(spoilt, beside=beside)
            return await transact(work, beside=beside)

        monkeypatch.setattr(store, "transact", run_anew)
        for _ in range(4):
            proof = holder.proof("POST", f"{place.issuer}/token", place.clock())
            given = {"grant_type": "client_credentials", "client_id": "service"}
            form = urlencode(given | {"client_secret": place.secrets["service"]}).encode()
            asked = token_endpoint.Asked(form, None, Origin(), (proof,))
            assert (await token_endpoint.respond(place.authority, asked)).token_type == "DPoP"
