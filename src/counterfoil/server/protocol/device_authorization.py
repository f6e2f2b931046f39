"""The device authorization endpoint: a device without a browser begins (RFC 8628 §3.1, §3.2)."""

import hmac
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth import user_code
from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import SECRET_BYTES, Kind, spell
from counterfoil.oauth.parameters import Parameters, appended
from counterfoil.server.protocol import client_authentication
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.authorization_request import access_asked, check_dpop
from counterfoil.server.protocol.client_authentication import Credentials
from counterfoil.server.protocol.rates import Once
from counterfoil.server.records.client import DEVICE_CODE, Client
from counterfoil.server.records.device_request import DeviceRequest
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction

PATH: Final = "/device"
_TRIES: Final = 4
"""Two user codes are the same once in a million requests, when as many wait as may."""


class Asked(Struct, frozen=True):
    """What came to the endpoint. All of it is unverified."""

    parameters: Parameters
    authorization: str | None
    origin: Origin


class DeviceResponse(Struct, frozen=True, kw_only=True):
    """What the device is told, and shows (§3.2)."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: int
    interval: int


async def respond(authority: Authority, asked: Asked) -> DeviceResponse:
    """Begin: give the device its two codes.

    Raises:
        OAuthError: what was refused and why.
        StoreUnavailable: nothing was stored.
    """
    credentials = await client_authentication.credentials_of(
        authority, asked.parameters, asked.authorization
    )
    once = Once(authority.client_rates)
    work = partial(_begin, authority, asked, (credentials, once))
    return await authority.store.transact(work, beside=True)


async def _begin(
    authority: Authority, asked: Asked, by: tuple[Credentials, Once], tx: Transaction
) -> DeviceResponse:
    credentials, once = by
    authenticated = await client_authentication.authenticate(tx, credentials)
    client = authenticated.client
    once.demand(client, tx.now)
    client.demand_grant_type(DEVICE_CODE)
    authority.activity.note_secret(authenticated.secret_id, tx.now)
    check_dpop(client, asked.parameters)
    if await tx.device_requests.are_full(authority.settings.device_requests_most):
        sentence = "As many devices wait for an answer as may; try again in a moment."
        raise OAuthError("temporarily_unavailable", sentence)
    return await _add(authority, tx, asked, client)


async def _add(
    authority: Authority, tx: Transaction, asked: Asked, client: Client
) -> DeviceResponse:
    device_code = spell(Kind.DEVICE_CODE, tx.random(SECRET_BYTES))
    settings = authority.settings
    request = DeviceRequest(
        digest=device_code.fingerprint(),
        user_code=b"",
        client_id=client.client_id,
        access=await access_asked(tx, client, asked.parameters),
        origin=asked.origin,
        created_at=tx.now,
        expires_at=tx.now + settings.device_code_lifetime,
        poll_interval=settings.device_poll_interval,
        dpop_jkt=asked.parameters.get("dpop_jkt"),
    )
    code = await _add_under_new_code(authority, tx, request)
    uri, shown = f"{authority.issuer}{PATH}", user_code.shown(code)
    return DeviceResponse(
        device_code=device_code.reveal(),
        user_code=shown,
        verification_uri=uri,
        verification_uri_complete=appended(uri, {"user_code": shown}),
        expires_in=settings.device_code_lifetime,
        interval=settings.device_poll_interval,
    )


async def _add_under_new_code(authority: Authority, tx: Transaction, request: DeviceRequest) -> str:
    for _ in range(_TRIES):
        code = user_code.new_user_code(tx.random)
        if await tx.device_requests.add(replace(request, user_code=digest_of(authority, code))):
            return code
    raise OAuthError("temporarily_unavailable", "No free user code was found; try again.")


def digest_of(authority: Authority, code: str) -> bytes:
    """Give what is stored of a user code: keyed, for all codes could be tried against a hash."""
    return hmac.digest(authority.keys.user_codes, code.encode("ascii"), "sha256")
