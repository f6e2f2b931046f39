"""The issuer's documents are fetched when they are needed, and no more often."""

import pytest

from counterfoil.client.provider import COOLDOWN, METADATA_AGE, Provider
from counterfoil.jose.keys import PrivateKey
from counterfoil.net.http import BadAnswer
from tests.client.conversation import ISSUER, KEY, METADATA, NOW, Issuer, answer, id_token, jwks


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def test_metadata_is_fetched_once_and_again_after_an_hour():
    clock, issuer = Clock(), Issuer()
    provider = Provider(ISSUER, clock)
    for _ in range(3):
        assert issuer.run(provider.metadata()).issuer == ISSUER
    assert len(issuer.asked) == 1
    clock.now += METADATA_AGE
    issuer.run(provider.metadata())
    assert len(issuer.asked) == 2


def test_the_second_place_is_tried():
    issuer = Issuer()
    del issuer.answers["/.well-known/openid-configuration"]
    issuer.answers["/.well-known/oauth-authorization-server"] = answer(METADATA)
    assert issuer.run(Provider(ISSUER, Clock()).metadata()).issuer == ISSUER


def test_an_issuer_without_metadata_is_named():
    issuer = Issuer()
    issuer.answers.clear()
    with pytest.raises(BadAnswer, match=r"https://id\.example publishes no metadata"):
        issuer.run(Provider(ISSUER, Clock()).metadata())


def test_a_new_key_is_found_and_unknown_ones_do_not_flood_the_issuer():
    clock, issuer = Clock(), Issuer()
    provider = Provider(ISSUER, clock)
    assert KEY.public.kid in issuer.run(provider.keys_for(id_token()))
    fetched = len(issuer.asked)
    new = PrivateKey.generate()
    issuer.answers["/jwks.json"] = jwks(KEY, new)
    for _ in range(5):
        assert new.public.kid not in issuer.run(provider.keys_for(id_token(new)))
    issuer.run(provider.keys_for("nonsense"))
    assert len(issuer.asked) == fetched
    clock.now += COOLDOWN
    assert new.public.kid in issuer.run(provider.keys_for(id_token(new)))
    assert len(issuer.asked) == fetched + 1


@pytest.mark.parametrize("bad", [answer({}, 500), answer({}), answer({"keys": 1})])
def test_keys_that_cannot_be_used_are_named(bad):
    issuer = Issuer()
    issuer.answers["/jwks.json"] = bad
    with pytest.raises(BadAnswer, match=r"jwks\.json"):
        issuer.run(Provider(ISSUER, Clock()).keys_for(id_token()))
