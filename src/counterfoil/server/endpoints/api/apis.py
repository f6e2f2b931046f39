"""APIs: listed, shown, registered and changed; named by ``?uri=``, for it holds slashes."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import asdict, replace

from counterfoil.oauth.limits import Limit
from counterfoil.server.documents.apis import ApiDocument, document_of
from counterfoil.server.endpoints.api.operation import Asked, Call, Nothing
from counterfoil.server.endpoints.api.paging import Paging
from counterfoil.server.endpoints.api.powers import demand_powers
from counterfoil.server.endpoints.api.responding import NotFound
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.policies import with_changes
from counterfoil.server.records.api import Api
from counterfoil.server.records.policy import AccessSeconds, ApiPolicy
from counterfoil.server.records.store import Transaction

Uri = Annotated[str, Meta(min_length=1, max_length=512)]
Name = Annotated[str, Meta(max_length=200)]
Scopes = Annotated[
    Mapping[str, Annotated[str, Meta(max_length=500)]],
    Meta(max_length=200, description="Each scope with its description in plain words."),
]
Policy = Annotated[
    Mapping[str, bool | int | str | tuple[Limit, ...] | None],
    Meta(
        max_length=32,
        description="What is decided for it alone; null takes a decision back.",
        extra_json_schema={"$ref": "#/components/schemas/ApiPolicy"},
    ),
]


class ApiPage(Struct, frozen=True, kw_only=True):
    """A part of the APIs, newest first; ``next`` is the cursor of the part after."""

    apis: tuple[ApiDocument, ...]
    next: str | None


class NamedApi(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which API: its resource identifier."""

    uri: Uri


class NewApi(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An API to register. ``token_lifetime`` in seconds; null: as the settings say."""

    uri: Uri
    name: Name
    scopes: Scopes
    token_lifetime: AccessSeconds | None = None
    policy: Policy = msgspec.field(default_factory=dict)


class ChangedApi(Asked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to change; what is left out stays. ``scopes`` takes the place of those before."""

    name: Name | UnsetType = UNSET
    scopes: Scopes | UnsetType = UNSET
    token_lifetime: AccessSeconds | UnsetType | None = UNSET
    policy: Policy | UnsetType = UNSET


async def list_apis(call: Call[Paging, Nothing]) -> ApiPage:
    """``GET /api/apis``. They are few, and held in memory for every token request."""
    part = call.query.part

    async def work(tx: Transaction) -> list[Api]:
        return await tx.apis.every()

    every = await call.server.authority.store.read(work)
    ordered = sorted(every, key=_position, reverse=True)
    left = [each for each in ordered if _position(each) < (part.at, part.id)]
    shown, after = call.query.cut(left[: part.limit], _position)
    return ApiPage(apis=tuple(map(document_of, shown)), next=after)


def _position(api: Api) -> tuple[int, str]:
    return api.created_at, api.uri


async def show_api(call: Call[NamedApi, Nothing]) -> ApiDocument:
    """``GET /api/apis/named``."""

    async def work(tx: Transaction) -> ApiDocument:
        return document_of(await find_api(tx, call.query.uri))

    return await call.server.authority.store.read(work)


async def add_api(call: Call[Nothing, NewApi]) -> ApiDocument:
    """``POST /api/apis``."""
    asked = call.body

    async def work(tx: Transaction) -> ApiDocument:
        new = Api(
            uri=asked.uri,
            name=asked.name,
            created_at=tx.now,
            scopes=asked.scopes,
            token_lifetime=asked.token_lifetime,
            policy=with_changes(ApiPolicy(), asked.policy),
        )
        await registration.add_api(tx, new, call.by)
        await call.server.authority.rotation.follow_apis(tx)
        return document_of(new)

    return await call.server.authority.store.transact(work)


async def change_api(call: Call[NamedApi, ChangedApi]) -> ApiDocument:
    """``PATCH /api/apis/named``."""

    async def work(tx: Transaction) -> ApiDocument:
        found = await find_api(tx, call.query.uri)
        demand_powers(call.admitted, frozenset(found.scopes))
        given = {name: value for name, value in asdict(call.body).items() if value is not UNSET}
        policy = with_changes(found.policy, given.pop("policy", {}))
        wanted = replace(found, **given, policy=policy)
        changed = await registration.update_api(tx, wanted, call.by)
        await call.server.authority.rotation.follow_apis(tx)
        return document_of(changed or found)

    return await call.server.authority.store.transact(work)


async def find_api(tx: Transaction, uri: str) -> Api:
    """Find the API of this identifier; `NotFound` where there is none."""
    found = await tx.apis.find(uri)
    if found is None:
        raise NotFound("There is no such API.")
    return found
