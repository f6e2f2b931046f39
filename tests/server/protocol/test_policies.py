"""Policies: changed by name, with a sentence for what cannot be."""

from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol.policies import (
    demand_api_policy,
    demand_client_policy,
    with_changes,
)
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.records.policy import ApiPolicy, ClientPolicy


def test_a_field_is_changed_by_its_name_and_the_others_stay():
    before = ClientPolicy(in_session=True, offline_idle_lifetime=9)
    changes = {"refresh_idle_lifetime": "600", "refresh_rotation": "false", "in_two_places": "end"}
    after = with_changes(before, changes)
    assert after == ClientPolicy(
        in_two_places="end",
        in_session=True,
        offline_idle_lifetime=9,
        refresh_idle_lifetime=600,
        refresh_rotation=False,
    )


@pytest.mark.parametrize("nothing", ["", None])
def test_a_decision_is_taken_back(nothing: object):
    """Then the settings decide again, those of a later version too."""
    policy = ClientPolicy(refresh_idle_lifetime=600, refresh_rotation=False)
    changes = {"refresh_idle_lifetime": nothing, "refresh_rotation": nothing}
    assert with_changes(policy, changes) == ClientPolicy()


def test_what_comes_as_json_is_taken_as_it_is():
    assert with_changes(ApiPolicy(), {"registry": True}) == ApiPolicy(registry=True)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"refresh_idle": "1"}, "There is no policy refresh_idle; there are access_token_lifetime"),
        ({"refresh_idle_lifetime": "0"}, "The policy refresh_idle_lifetime: Expected `int` >= 1."),
        ({"access_token_lifetime": 2592001}, "access_token_lifetime: Expected `int` <= 2592000."),
        ({"refresh_idle_lifetime": "soon"}, "The policy refresh_idle_lifetime: Expected `int"),
        ({"refresh_rotation": "perhaps"}, "The policy refresh_rotation: Expected `bool`"),
        ({"in_two_places": "explode"}, "The policy in_two_places: Invalid enum value 'explode'"),
        ({"in_two_places": "explode"}, "; there are record, end, end_far, allow."),
        ({"least_acr": "2fa"}, "Invalid enum value '2fa'; there are mfa, phr."),
    ],
)
def test_a_name_or_value_that_cannot_be_is_named(changes: dict[str, Any], sentence: str):
    with pytest.raises(OAuthError) as refused:
        with_changes(ClientPolicy(), changes)
    assert sentence in refused.value.description


def client(*, public: bool = False, **policy: Any) -> Client:
    return Client(
        client_id="c",
        client_name="C",
        created_at=0,
        grant_types=("authorization_code",),
        scopes=frozenset(),
        public=public,
        policy=ClientPolicy(**policy),
    )


@pytest.mark.parametrize(
    ("unfit", "sentence"),
    [
        (client(public=True, refresh_rotation=False), "a public one must rotate"),
        (
            client(refresh_idle_lifetime=2, refresh_absolute_lifetime=1),
            "refresh_absolute_lifetime must be at least",
        ),
        (
            client(offline_idle_lifetime=2, offline_absolute_lifetime=1),
            "offline_absolute_lifetime must be at least",
        ),
        (client(reproof_interval=0), "Expected `int` >= 1"),
    ],
)
def test_what_does_not_fit_a_client_is_refused(unfit: Client, sentence: str):
    """OAuth 2.1 §4.3.1: refresh tokens of public clients rotate or are bound."""
    with pytest.raises(OAuthError) as refused:
        demand_client_policy(unfit)
    assert sentence in refused.value.description


@pytest.mark.parametrize(
    "fit",
    [
        client(public=True),
        client(refresh_rotation=False),
        client(refresh_idle_lifetime=1, refresh_absolute_lifetime=1),
        client(offline_idle_lifetime=2),
    ],
)
def test_what_fits_passes(fit: Client):
    demand_client_policy(fit)


def test_a_reference_token_cannot_point_into_a_status_list():
    policy = ApiPolicy(token_format="reference", status_list=True)
    api = Api(uri="https://x.example", name="X", created_at=0, scopes={"a": "A"}, policy=policy)
    with pytest.raises(OAuthError) as refused:
        demand_api_policy(api)
    assert "status_list" in refused.value.description


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (ApiPolicy(token_format="reference"), "a reference token has no signature"),
        (ApiPolicy(status_list=True), "revives what was ended"),
    ],
)
def test_ml_dsa_does_not_go_with_what_it_would_not_protect(policy: ApiPolicy, sentence: str):
    api = Api(uri="https://a.example", name="A", created_at=1, scopes={})
    demand_api_policy(replace(api, policy=ApiPolicy(signing_algorithm="ML-DSA-65")))
    demand_api_policy(replace(api, policy=policy))
    both = replace(policy, signing_algorithm="ML-DSA-65")
    with pytest.raises(OAuthError, match=sentence):
        demand_api_policy(replace(api, policy=both))


def test_a_second_factor_is_demanded_for_scopes_that_there_are():
    """A letter that is wrong would let everybody in without one, and nobody would see it."""
    api = Api(
        uri="https://a.example", name="A", created_at=1, scopes={"a:read": "A", "a:write": "B"}
    )
    demand_api_policy(replace(api, policy=ApiPolicy(second_factor_scopes="a:write a:read")))
    with pytest.raises(OAuthError, match="second_factor_scopes names what is no scope"):
        demand_api_policy(replace(api, policy=ApiPolicy(second_factor_scopes="a:wirte")))
