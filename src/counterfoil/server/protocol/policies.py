"""Policies of clients and APIs: changed by name, and what may not stand in one (S22)."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec
from msgspec.structs import FieldInfo, fields, replace

from counterfoil.jose import akp
from counterfoil.jose.errors import JoseError
from counterfoil.jose.strict_json import decode_value
from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.limits import Limit, name_each_once
from counterfoil.oauth.sensitive_claims import Exposed, demand_unreadable
from counterfoil.server.protocol.own_api import is_own
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.records.encryption_key import active_key
from counterfoil.server.records.policy import ApiPolicy, ClientPolicy
from counterfoil.server.records.provider import ProviderPolicy
from counterfoil.server.settings.choices import or_one_of

P = TypeVar("P", ClientPolicy, ApiPolicy, ProviderPolicy)


def _is_counted(limit: Limit) -> bool:
    return limit.is_counted


def _in_order(less: int | None, more: int | None) -> bool:
    return less is None or more is None or less <= more


LIMITS: Final = "limits"
_TWICE: Final = "limits name each action once in a unit: of two the wider would count."

CLIENT_RULES: Final[tuple[tuple[Callable[[Client], bool], str], ...]] = (
    (
        lambda client: client.policy.refresh_rotation or not client.public,
        "refresh_rotation=false is for clients with a secret: a public one must rotate.",
    ),
    (
        lambda client: client.policy.rate_per_minute is None or not client.public,
        "rate_per_minute is for clients with a secret: anyone can name a public one.",
    ),
    (
        lambda client: _in_order(
            client.policy.refresh_idle_lifetime, client.policy.refresh_absolute_lifetime
        ),
        "refresh_absolute_lifetime must be at least refresh_idle_lifetime.",
    ),
    (
        lambda client: _in_order(
            client.policy.offline_idle_lifetime, client.policy.offline_absolute_lifetime
        ),
        "offline_absolute_lifetime must be at least offline_idle_lifetime.",
    ),
    (lambda client: name_each_once(client.policy.limits), _TWICE),
)
"""What must hold of a client with its policy, each with what is said where it does not."""

API_RULES: Final[tuple[tuple[Callable[[Api], bool], str], ...]] = (
    (
        lambda api: name_each_once(api.policy.limits),
        _TWICE,
    ),
    (
        lambda api: not (api.policy.personal_tokens and any(map(_is_counted, api.policy.limits))),
        "limits with a count or a sum are not for personal_tokens=true: nobody counts those.",
    ),
    (
        lambda api: not (api.policy.status_list and api.policy.token_format == "reference"),
        "status_list=true is for signed tokens: a reference token cannot point into a list.",
    ),
    (
        lambda api: not (api.policy.status_list and api.policy.over_budget == "reference"),
        "over_budget=reference is not for status_list=true: a reference token cannot point into "
        "a list.",
    ),
    (
        lambda api: api.policy.signing_algorithm is None or api.policy.token_format == "jwt",
        "signing_algorithm is for signed tokens: a reference token has no signature.",
    ),
    (
        lambda api: not (api.policy.signing_algorithm and api.policy.status_list),
        "signing_algorithm=ML-DSA-65 is not for status_list=true: whoever forges the list, which "
        "is signed as all else is, revives what was ended.",
    ),
    (
        lambda api: not (api.policy.encryption and api.policy.token_format == "reference"),
        "encryption is for signed tokens: in a reference token there is nothing to read.",
    ),
    (
        lambda api: not api.policy.encryption or active_key(api.encryption_keys) is not None,
        "encryption=true needs an active key of the API to encrypt to: add one "
        "(counterfoil api key add), give it to the guards, and activate it.",
    ),
    (
        lambda api: api.policy.max_uses is None or not api.policy.personal_tokens,
        "max_uses is not for personal_tokens=true: what people make by hand has no limit.",
    ),
    (
        lambda api: api.policy.max_uses is None or not is_own(api),
        "max_uses is for other APIs: this server counts no uses of its own.",
    ),
    (
        lambda api: api.scopes.keys() >= set(api.policy.strong_scopes),
        "second_factor_scopes names what is no scope of the API: nobody would be asked for more.",
    ),
    (
        lambda api: api.policy.signing_algorithm is None or akp.is_there(),
        "signing_algorithm=ML-DSA-65 needs a cryptography with ML-DSA, which this machine has not.",
    ),
)
"""What must hold of an API with its policy."""


def with_changes(policy: P, changes: Mapping[str, object], *, is_typed: bool = False) -> P:
    """Change a policy by the names of its fields.

    A value may be written as text, ``"600"``, ``"false"``, unless ``is_typed``. An empty text, or
    ``None``, takes the decision back.

    Raises:
        OAuthError: ``invalid_request``, naming the field and what it may be.
    """
    known = {field.name: field for field in fields(policy)}
    unknown = changes.keys() - known.keys()
    if unknown:
        there = ", ".join(known)
        raise invalid_request(f"There is no policy {min(unknown)}; there are {there}.")
    return replace(
        policy, **{name: _value(known[name], changes[name], is_typed) for name in changes}
    )


def _value(field: FieldInfo, given: object, is_typed: bool) -> object:
    if given is None or given == "":
        return field.default
    if field.name == LIMITS:
        # Numbers in it are never written as text, so that no amount is read in two ways.
        given, is_typed = _json_in(given), True
    try:
        return msgspec.convert(given, field.type, strict=is_typed)
    except msgspec.ValidationError as error:
        words = f"{error}{or_one_of(field.type)}"
        raise invalid_request(f"The policy {field.name}: {words}.") from None


def _json_in(given: object) -> object:
    """Read what the command line takes as text."""
    if not isinstance(given, str):
        return given
    try:
        return decode_value(given.encode())
    except JoseError as error:
        raise invalid_request(f"The policy {LIMITS}: {error}") from None


def demand_client_policy(client: Client) -> None:
    """Demand that a client's policy keeps its bounds and fits together, and the client.

    Raises:
        OAuthError: ``invalid_request``, saying what does not fit.
    """
    demand_bounds(client.policy)
    for holds, sentence in CLIENT_RULES:
        if not holds(client):
            raise invalid_request(sentence)


def demand_api_policy(api: Api) -> None:
    """Demand that an API's policy keeps its bounds and fits together.

    Raises:
        OAuthError: ``invalid_request``, saying what does not fit.
    """
    demand_bounds(api.policy)
    for holds, sentence in API_RULES:
        if not holds(api):
            raise invalid_request(sentence)
    if api.policy.is_readable:
        try:
            demand_unreadable(api.policy.claim_names)
        except Exposed as exposed:
            raise invalid_request(str(exposed)) from None


def demand_bounds(policy: ClientPolicy | ApiPolicy | ProviderPolicy) -> None:
    """Ask for the bounds of the fields: making a value in code does not.

    Raises:
        OAuthError: ``invalid_request``, saying which is not kept.
    """
    try:
        msgspec.convert(msgspec.to_builtins(policy), type(policy))
    except msgspec.ValidationError as error:
        raise invalid_request(f"The policy: {error}.") from None
