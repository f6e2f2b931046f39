"""The people, the API and the clients of the demonstration, made where there are none.

All of this can be done with ``counterfoil user add``, ``user claim``, ``api add`` and ``client
add`` as well; in one process it is done before the servers have started.
"""

import secrets
from dataclasses import dataclass, field

from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity import joining
from counterfoil.server.identity.joining import Joining
from counterfoil.server.identity.passwords import Passwords
from counterfoil.server.opening import open_authority
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.registration import NewUser
from counterfoil.server.records.api import Api
from counterfoil.server.records.client import Client
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import load

from .places import Places

AUDIENCE = "https://notes.example"
"""The notes API's identifier: a name, the same on every port."""
SCOPES = {"notes:read": "Read your notes", "notes:write": "Change your notes"}
SERVICE = "notes-robot"
WEB = "notes-web"
PEOPLE = (
    NewUser("ada@example.com", name="Ada"),
    NewUser("admin@example.com", name="Admin", is_admin=True),
)
OVERLAP = 24 * 60 * 60
"""Seconds for which the secret of the start before stays good: what was pasted goes on working."""
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Demo:
    """What the demonstration runs with. ``passwords`` holds only those that were made just now."""

    service_secret: Secret
    web_client_id: str
    web_secret: Secret
    passwords: dict[str, str] = field(repr=False)


async def provision(places: Places) -> Demo:
    """Make what is missing; clients that were there get a fresh secret, their oldest retires."""
    authority = await open_authority(load({}, places.settings))
    places.note()
    try:
        passwords = await _people(authority)
        web_client_id = WEB if places.port == 8000 else f"{WEB}-{places.port}"
        clients = (_service(), _web(web_client_id, places.web))

        async def work(tx: Transaction) -> list[Secret]:
            if await tx.apis.find(AUDIENCE) is None:
                api = Api(uri=AUDIENCE, name="Notes", created_at=tx.now, scopes=SCOPES)
                await registration.add_api(tx, api, CLI)
            return [await _secret(tx, members) for members in clients]

        service_secret, web_secret = await authority.store.transact(work)
    finally:
        await authority.store.close()
    return Demo(service_secret, web_client_id, web_secret, passwords)


async def _people(authority: Authority) -> dict[str, str]:
    known = {user.email for user in await authority.store.read(lambda tx: tx.users.every())}
    new = {each.email: _password() for each in PEOPLE if each.email not in known}
    if not new:
        return new

    async def work(tx: Transaction) -> dict[str, str]:
        coming = [each for each in PEOPLE if each.email in new]
        users = [await registration.add_user(tx, each, CLI) for each in coming]
        return {u.email: await joining.invite_by_command(authority, tx, u, CLI) for u in users}

    links = await authority.store.transact(work)
    hasher = Passwords(2)
    try:
        for email, link in links.items():
            secret = Secret(link.partition("token=")[2])
            wanted = Joining(secret, "", Secret(new[email]), Origin("", "make run"))
            await joining.claim(authority, hasher, wanted)
    finally:
        hasher.close()
    return new


def _password() -> str:
    return "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))


async def _secret(tx: Transaction, members: dict) -> Secret:
    client_id = members["client_id"]
    if await tx.clients.find(client_id) is None:
        client = Client(created_at=tx.now, **members)
        secret = await registration.add_client(tx, client, CLI, development=True)
    else:
        secret = await registration.rotate_secret(tx, client_id, OVERLAP, CLI)
    if secret is None:
        raise RuntimeError(f"{client_id} is a public client")
    return secret


def _service() -> dict:
    return {
        "client_id": SERVICE,
        "client_name": "Notes robot",
        "grant_types": ("client_credentials",),
        "scopes": frozenset(SCOPES),
    }


def _web(client_id: str, url: str) -> dict:
    return {
        "client_id": client_id,
        "client_name": "Notes",
        "grant_types": ("authorization_code", "refresh_token"),
        "redirect_uris": (f"{url}/callback",),
        "post_logout_redirect_uris": (f"{url}/",),
        "scopes": frozenset({"openid", "email", *SCOPES}),
    }
