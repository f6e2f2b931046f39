"""Endings by the admin API: said before, done once, with a receipt."""

import pytest

from counterfoil.server.records.remembered_browser import RememberedBrowser
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from tests.administration import Administrator, administrator
from tests.installation import NOTES, Installation, Person
from tests.minting import add_minter, give_right
from tests.server.protocol.test_personal_tokens import make

pytestmark = pytest.mark.anyio
DRY = {"dry_run": "true"}


async def test_a_grant_is_foreseen_and_then_ended(
    place: Installation, admin: Administrator, person: Person
) -> None:
    tokens = await person.tokens()
    (grant,) = (await admin.get("/api/grants", user_id=person.user_id))["grants"]
    body = {"kind": "grant", "name": grant["id"]}
    foreseen = (await admin.ask("POST", "/api/endings", params=DRY, json=body)).json()
    assert (foreseen["families"], foreseen["apps"]) == (1, ["App"])
    assert (foreseen["dry_run"], foreseen["ended"], foreseen["notice"]) == (True, False, None)
    assert (await admin.get(f"/api/grants/{grant['id']}"))["ended_at"] is None, "nothing was done"
    done = await admin.post("/api/endings", body)
    assert done["sentence"] == foreseen["sentence"]
    assert (done["families"], done["ended"], done["dry_run"]) == (1, True, False)
    assert done["notice"] == str(place.authority.hub.position)
    answer = await person.browser.post(
        "/token",
        data={"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]},
        auth=("app", place.secrets["app"]),
    )
    assert answer.json()["error"] == "invalid_grant"
    again = await admin.post("/api/endings", body)
    assert again["ended"] is False, "what has ended ends no second time"


async def test_each_kind_is_foreseen_and_ended(
    place: Installation, admin: Administrator, person: Person
) -> None:
    """S45, S46, S47, S84: one uniform way for all that can be ended."""
    await person.tokens()
    service = await place.service_token()
    (grant,) = (await admin.get("/api/grants", user_id=person.user_id))["grants"]
    (family,) = (await admin.get("/api/families", grant_id=grant["id"]))["families"]
    keys = (await admin.get("/api/keys"))["keys"]
    await place.set_policy(NOTES, personal_tokens=True)
    made = await make(place)
    await add_minter(place, "batch")
    right = await give_right(place, person.user_id, client_id="batch")
    jti = place.authority.reader.genuine(service, place.clock()).token.jti
    names = {
        "token": jti,
        "family": family["id"],
        "personal_token": made.token.id,
        "mint_right": right.id,
        "remembered": await remembered_for(person),
        "session": family["session_id"],
        "app_sessions": grant["id"],
        "grant": grant["id"],
        "user": person.user_id,
        "client": "service",
        "api": NOTES,
        "key": next(each["kid"] for each in keys if each["purpose"] == "feed"),
    }
    described = admin.description["components"]["schemas"]["Ends"]["enum"]
    assert sorted(names) == sorted(described)
    for kind, name in names.items():
        body = {"kind": kind, "name": name}
        answer = await admin.ask("POST", "/api/endings", params=DRY, json=body)
        assert answer.json()["sentence"], kind
        done = await admin.post("/api/endings", body)
        assert (done["kind"], done["name"]) == (kind, name)


async def remembered_for(person: Person) -> str:
    """Have a browser remembered; gives the public name of that."""

    async def work(tx: Transaction) -> str:
        remembered = RememberedBrowser(
            id="remembered-one", user_id=person.user_id, digest=b"1", browser="b", auth_time=tx.now,
            amr=("pwd",), used_at=tx.now, expires_at=tx.now + 86_400, origin=Origin("192.0.2.9"),
        )  # fmt: skip
        await tx.remembered_browsers.add(remembered)
        return remembered.id

    return await person.installation.authority.store.transact(work)


async def test_a_remembered_browser_is_listed_and_forgotten(
    admin: Administrator, person: Person
) -> None:
    """S24."""
    name = await remembered_for(person)
    path = f"/api/users/{person.user_id}/remembered-browsers"
    (listed,) = (await admin.get(path))["remembered_browsers"]
    assert (listed["id"], listed["address"], listed["amr"]) == (name, "192.0.2.9", ["pwd"])
    done = await admin.post("/api/endings", {"kind": "remembered", "name": name})
    assert done["ended"] is True
    assert await admin.get(path) == {"remembered_browsers": []}
    assert await admin.refused("GET", "/api/users/nobody/remembered-browsers") == (404, "not_found")


async def test_a_pasted_token_is_ended_and_never_repeated(
    place: Installation, admin: Administrator
) -> None:
    token = await place.service_token()
    answer = await admin.ask("POST", "/api/endings", json={"token": token})
    assert answer.json()["kind"] == "token"
    assert token not in answer.text
    answer = await admin.ask("POST", "/api/endings", json={"token": token[:-4] + "AAAA"})
    assert answer.status_code == 400
    assert token[-40:-4] not in answer.text


async def test_the_token_that_ended_itself_is_refused_at_once(place: Installation) -> None:
    caller = await administrator(place)
    await caller.post("/api/endings", {"token": caller.token})
    assert await caller.refused("GET", "/api/clients") == (401, "revoked")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "grant"},
        {"name": "x"},
        {"kind": "grant", "name": "x", "token": "y"},
        {"kind": "planet", "name": "x"},
        {"kind": "grant", "name": "no-such"},
        {"kind": "token", "name": "../../etc/passwd"},
        {"kind": "grant", "name": "x", "expires_at": 1},
    ],
)
async def test_what_cannot_be_ended_is_refused(admin: Administrator, body: object) -> None:
    assert await admin.refused("POST", "/api/endings", json=body) == (400, "invalid_request")
