"""Passkeys: answers for another page, person or key, or that nobody has signed (WebAuthn)."""

import json
import secrets
from collections.abc import AsyncIterator

import httpx2
import pytest

from counterfoil.server.records.event import EventKind, EventQuery
from counterfoil.server.records.passkey import Passkey
from tests.authenticator import Authenticator, octets, spelled
from tests.installation import Installation, Person, hidden_fields, installed
from tests.passkeys import ISSUER, add_at, form_in, passkeys_of, sign_in_at

pytestmark = pytest.mark.anyio

PLENTY = {"sign_in_rate_per_minute": 1_000_000}


@pytest.fixture(scope="module")
async def site(
    on_engine: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Installation]:
    async with installed(tmp_path_factory.mktemp("site"), issuer=ISSUER, **PLENTY) as site:
        yield site


class Owner(Person):
    """Somebody who is signed in, with a passkey on their phone."""

    phone: Authenticator

    @property
    async def passkey(self) -> Passkey:
        (passkey,) = await passkeys_of(self)
        return passkey


async def owner_at(site: Installation, browser: httpx2.AsyncClient) -> Owner:
    user = await site.add_user(f"{secrets.token_hex(6)}@example.com")
    owner = Owner(site, browser, user.email, user.id)
    owner.phone = Authenticator(ISSUER)
    await owner.sign_in(await browser.get("/sign-in"))
    assert (await add_at(owner, owner.phone)).status_code == 303
    return owner


@pytest.fixture
async def owner(site: Installation) -> AsyncIterator[Owner]:
    async with site.browser() as browser:
        yield await owner_at(site, browser)


@pytest.fixture
async def thief(site: Installation) -> AsyncIterator[Owner]:
    """Somebody else, who has an account and a passkey of their own."""
    async with site.browser() as browser:
        yield await owner_at(site, browser)


@pytest.fixture
async def browser(site: Installation) -> AsyncIterator[httpx2.AsyncClient]:
    async with site.browser() as browser:
        yield browser


def is_in(answer: httpx2.Response) -> bool:
    cookies = answer.headers.get_list("set-cookie")
    return answer.status_code == 303 and any("counterfoil_session=" in each for each in cookies)


WRONG = {
    "another origin": {"origin": "https://id.example.evil.test"},
    "another port": {"origin": f"{ISSUER}:8443"},
    "plain http": {"origin": "http://id.example"},
    "another host": {"rp_id": "evil.test"},
    "a host above": {"rp_id": "example"},
    "a frame of another site": {"collected": {"crossOrigin": True}},
    "a page around it": {"collected": {"topOrigin": "https://evil.test"}},
    "frames that are not said to be": {"collected": {"crossOrigin": "yes"}},
    "another challenge": {"challenge": spelled(b"x" * 32)},
    "no challenge": {"challenge": ""},
    "the other ceremony": {"kind": "webauthn.create"},
    "nobody there": {"flags": 0x04},
    "backed up, and cannot be": {"more_flags": 0x10},
    "can be backed up all at once": {"more_flags": 0x08},
    "no signature": {"signature": b""},
    "a signature of noise": {"signature": b"\x30" * 70},
    "another person": {"user_handle": b"h" * 32},
    "nobody": {"without_handle": True},
    "an unknown credential": {"credential_id": b"k" * 32},
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_is_wrong_in_an_answer_signs_nobody_in(
    owner: Owner, browser: httpx2.AsyncClient, name: str
):
    """S76: each of them alone, in an answer that is right but for it."""
    answer = await sign_in_at(browser, owner.phone, **WRONG[name])
    assert answer.status_code == 400
    assert not is_in(answer)
    assert is_in(await sign_in_at(browser, owner.phone)), "and the right one does"


@pytest.mark.parametrize(
    "name",
    [
        "another origin",
        "another host",
        "a frame of another site",
        "a page around it",
        "another challenge",
        "the other ceremony",
        "backed up, and cannot be",
    ],
)
async def test_what_is_wrong_in_an_answer_adds_no_passkey(owner: Owner, name: str):
    wrong = WRONG[name] if name != "the other ceremony" else {"kind": "webauthn.get"}
    before = await owner.passkey
    answer = await add_at(owner, Authenticator(ISSUER), **wrong)
    assert answer.status_code == 400
    assert await passkeys_of(owner) == [before]


async def test_an_answer_is_good_once(owner: Owner, browser: httpx2.AsyncClient):
    """A replayed answer, and another answer to the same challenge, are worth nothing."""
    form = form_in((await browser.get("/sign-in")).text)
    options = form.pop("options")
    first = form | {"credential": owner.phone.get(options)}
    assert is_in(await browser.post("/sign-in/passkey", data=first))
    again = form | {"credential": owner.phone.get(options)}
    for given in (first, again):
        assert not is_in(await browser.post("/sign-in/passkey", data=given))


async def test_an_answer_is_good_in_the_browser_that_was_asked(
    site: Installation, owner: Owner, browser: httpx2.AsyncClient
):
    """Who has somebody answer a challenge of theirs gets nothing, and signs nobody in elsewhere."""
    asked = form_in((await browser.get("/sign-in")).text)
    answer = owner.phone.get(asked["options"])
    async with site.browser() as other:
        own = form_in((await other.get("/sign-in")).text)
        given = {"csrf": own["csrf"], "ceremony": asked["ceremony"], "credential": answer}
        assert not is_in(await other.post("/sign-in/passkey", data=given))
        given["ceremony"] = own["ceremony"]
        assert not is_in(await other.post("/sign-in/passkey", data=given))
    without = {"csrf": "x", "ceremony": asked["ceremony"], "credential": answer}
    assert (await browser.post("/sign-in/passkey", data=without)).status_code == 403


async def test_a_challenge_is_good_for_one_purpose(owner: Owner, browser: httpx2.AsyncClient):
    """One to add a passkey is none to sign in by, and the other way round."""
    adding = form_in((await owner.browser.get("/account/passkeys/new")).text)
    signing = form_in((await owner.browser.get("/sign-in")).text)
    options = json.loads(signing["options"]) | {
        "challenge": json.loads(adding["options"])["challenge"]
    }
    answer = owner.phone.get(json.dumps(options))
    given = {"csrf": signing["csrf"], "ceremony": adding["ceremony"], "credential": answer}
    assert not is_in(await owner.browser.post("/sign-in/passkey", data=given))
    made = Authenticator(ISSUER).create(adding["options"])
    given = {"csrf": adding["csrf"], "ceremony": signing["ceremony"], "credential": made}
    await owner.browser.post("/account/passkeys/new", data=given | {"name": "x"})
    assert len(await passkeys_of(owner)) == 1


async def test_nobody_signs_in_as_another_by_a_passkey_of_their_own(
    owner: Owner, thief: Owner, browser: httpx2.AsyncClient
):
    """The handle and the credential of the owner, signed by the thief's key, are nobody's."""
    theirs = await owner.passkey
    handle = {"user_handle": theirs.user_handle}
    assert not is_in(await sign_in_at(browser, thief.phone, **handle))
    both = handle | {"credential_id": theirs.credential_id}
    assert not is_in(await sign_in_at(browser, thief.phone, **both))


async def test_a_credential_of_another_is_not_registered_again(owner: Owner, thief: Owner):
    """Its owner would sign in to the thief's account from then on, or be locked out."""
    theirs, own = await owner.passkey, await thief.passkey
    answer = await add_at(thief, Authenticator(ISSUER), credential_id=theirs.credential_id)
    assert answer.status_code == 400
    assert await passkeys_of(thief) == [own]
    assert await passkeys_of(owner) == [theirs]


async def test_two_names_for_one_credential_are_none(thief: Owner, owner: Owner):
    theirs = await owner.passkey
    answer = await add_at(thief, Authenticator(ISSUER), raw_id=theirs.credential_id)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "cose",
    [
        {1: 2, 3: -35, -1: 2, -2: b"\x01" * 48, -3: b"\x01" * 48},
        {1: 3, 3: -65535, -1: b"\xff" * 256, -2: b"\x01\x00\x01"},
        {1: 4, 3: 5, -1: b"k" * 32},
    ],
    ids=["ES384", "RS1", "a shared secret"],
)
async def test_an_algorithm_that_was_not_asked_for_is_not_taken(
    owner: Owner, cose: dict[int, object]
):
    assert (await add_at(owner, Authenticator(ISSUER), cose=cose)).status_code == 400
    assert len(await passkeys_of(owner)) == 1


@pytest.mark.parametrize(
    "attestation",
    [b"\x81" * 9_000, b"\x5b\x7f" + b"\xff" * 7, b"\xbf" * 9_000, b"\xa1\x68authData"],
    ids=["deep", "of exabytes", "without end", "cut off"],
)
async def test_cbor_bombs_are_refused(owner: Owner, attestation: bytes):
    answer = await add_at(owner, Authenticator(ISSUER), attestation=attestation)
    assert answer.status_code == 400


async def test_an_answer_that_is_huge_is_refused(owner: Owner, browser: httpx2.AsyncClient):
    form = form_in((await browser.get("/sign-in")).text)
    form.pop("options")
    for size in (20_000, 100_000):
        given = form | {"credential": "[" * size}
        assert (await browser.post("/sign-in/passkey", data=given)).status_code == 400


async def test_a_copy_is_noticed_by_its_count(owner: Owner, browser: httpx2.AsyncClient):
    """A count that does not go up is refused, told, and shown to the owner."""
    assert is_in(await sign_in_at(browser, owner.phone, count=40))
    answer = await sign_in_at(browser, owner.phone, count=40)
    assert not is_in(answer)
    assert "That passkey did not work here" in answer.text, "and says no more than ever"
    query = EventQuery(kind=EventKind.PASSKEY_SUSPECT, subject=owner.user_id)
    store = owner.installation.authority.store
    assert len(await store.read(lambda tx: tx.events.find(query))) == 1
    page = await owner.browser.get("/account/passkeys")
    assert "signed as a copy of it would" in page.text


async def test_the_page_tells_nobody_who_exists(
    owner: Owner, browser: httpx2.AsyncClient, site: Installation
):
    """No e-mail is asked for, and no credential named: there is nothing to try addresses on."""
    asked = []
    for hint in (owner.email, "nobody@example.com"):
        page = await Person(site, browser).open(login_hint=hint)
        options = json.loads(form_in(page.text)["options"])
        assert options["allowCredentials"] == []
        asked.append(options | {"challenge": ""})
    assert asked[0] == asked[1]
    unknown = Authenticator(ISSUER)
    unknown.credentials = [*owner.phone.credentials]
    known = await sign_in_at(browser, owner.phone, signature=b"x")
    nobody = await sign_in_at(browser, unknown, credential_id=b"k" * 32)
    assert known.status_code == nobody.status_code == 400
    said = "That passkey did not work here"
    assert said in known.text
    assert said in nobody.text


async def test_the_handle_in_authenticators_names_nobody(owner: Owner):
    form = form_in((await owner.browser.get("/account/passkeys/new")).text)
    handle = octets(json.loads(form["options"])["user"]["id"])
    assert len(handle) == 32
    for name in (owner.user_id, owner.email):
        assert name.encode() not in handle


async def test_another_sites_form_adds_and_removes_nothing(owner: Owner, thief: Owner):
    form = form_in((await owner.browser.get("/account/passkeys/new")).text)
    answer = owner.phone.create(form.pop("options"))
    given = form | {"credential": answer, "name": "x"}
    cross = {"sec-fetch-site": "cross-site"}
    forged = await owner.browser.post("/account/passkeys/new", data=given, headers=cross)
    assert forged.status_code == 403
    forged = await owner.browser.post("/account/passkeys/new", data=given | {"csrf": "x"})
    assert forged.status_code == 403
    passkey, path = await owner.passkey, "/account/passkeys/change/"
    mine = hidden_fields((await thief.browser.get("/account/apps")).text)
    given = {"csrf": mine["csrf"], "decision": "remove"}
    assert (await thief.browser.post(path + passkey.id, data=given)).status_code == 400
    assert (await thief.browser.get(path + passkey.id)).status_code == 400
    assert await passkeys_of(owner) == [passkey]
