"""What is asked for in ``authorization_details``: read whole or not at all, and only ever less."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.limits import Limit
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol.limit_narrowing import limited, limits_in, mistake_in
from counterfoil.server.records.policy import ClientPolicy
from tests.installation import MAIL, NOTES, Installation

pytestmark = pytest.mark.anyio
PAY = Limit(type="counterfoil_limit", action="pay", per_transaction=10)


def parameters(*details: Any) -> Parameters:
    return Parameters.parse(urlencode({"authorization_details": json.dumps(details)}))


def test_without_the_parameter_nothing_is_asked_for():
    assert limits_in(Parameters.parse("")) is None


def test_why_limits_cannot_be_had_is_said():
    assert mistake_in((PAY,), None) == mistake_in((PAY,), [PAY]) == ""
    says = {mistake_in((), None), mistake_in((PAY, PAY), None), mistake_in((PAY,), [])}
    assert len(says) == 3
    assert "" not in says


async def test_an_app_asks_for_what_one_of_its_apis_permits(place: Installation):
    """And its client; of several APIs each token is narrowed to what its own says."""
    await place.add_api(MAIL, "Mail", {"mail:read": "Read"})
    await place.set_policy(NOTES, limits=(PAY,))
    await place.set_policy(MAIL, limits=(replace(PAY, action="send"),))
    await place.add_client("payer", policy=ClientPolicy(limits=(PAY, replace(PAY, action="send"))))
    both = Access({NOTES: frozenset({"notes:read"}), MAIL: frozenset({"mail:read"})})

    async def work(tx: Any) -> None:
        client = await tx.clients.find("payer")
        pay, send = {"type": PAY.type, "action": "pay"}, {"type": PAY.type, "action": "send"}
        found = await limited(tx, client, both, parameters(pay, send))
        assert [each.action for each in found.limits or ()] == ["pay", "send"]
        for access, asked in (
            (both.at(NOTES), send),
            (both, pay | {"per_transaction": 11}),
            (Access(openid=frozenset({"openid"})), pay),
        ):
            with pytest.raises(OAuthError, match="more than may be had") as refused:
                await limited(tx, client, access, parameters(asked))
            assert refused.value.error == "invalid_authorization_details"

    await place.authority.store.read(work)
