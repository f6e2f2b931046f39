"""The pages that say why a token is refused: one's own, and the administrators' (S109)."""

import re
from pathlib import Path

import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.server.pages.explain import CHECKS
from counterfoil.server.protocol import events, explaining, revocation
from tests.installation import Installation, Person, hidden_fields
from tests.server.pages.document import Document

pytestmark = pytest.mark.anyio


async def asked(person: Person, pasted: str, path: str = "/account/explain"):
    form = hidden_fields((await person.browser.get(path)).text)
    return await person.browser.post(path, data=form | {"token": pasted})


async def signed_in(person: Person) -> dict[str, str]:
    return await person.tokens()


def facts_of(text: str) -> dict[str, str]:
    page = Document(text)
    names = [each.text.strip() for each in page.all("dt")]
    values = [each.text.strip() for each in page.all("dd")]
    return dict(zip(names, values, strict=True))


async def test_a_person_is_told_why_a_token_of_theirs_is_refused(
    place: Installation, person: Person
):
    """S109, S48: by the token and by its fingerprint; who did it, without a name."""
    token = (await signed_in(person))["access_token"]
    jti = str(unverified_claims(token)["jti"])
    stands = await asked(person, token)
    assert stands.status_code == 200
    assert "The token stands" in stands.text
    (family,) = await place.authority.store.read(
        lambda tx: tx.families.live_of_user(person.user_id)
    )
    by = events.by_user("an-administrators-id", events.Origin())
    await place.authority.store.transact(
        lambda tx: revocation.end_family(tx, family.id, "revoked", by)
    )
    for pasted in (token, jti):
        answer = await asked(person, pasted)
        assert "The token is refused" in answer.text
        facts = facts_of(answer.text)
        assert (facts["Reason"], facts["Decided by"]) == ("revoked", "family")
        assert facts["By"] == "the administrators of this server"
        assert "an-administrators-id" not in answer.text
        assert answer.headers["cache-control"] == "no-store"


async def test_who_ended_it_is_said_as_a_person_knows_them(place: Installation, person: Person):
    token = (await signed_in(person))["access_token"]
    jti = str(unverified_claims(token)["jti"])
    me = events.by_user(person.user_id, events.Origin())
    await place.authority.store.transact(lambda tx: revocation.end_token(tx, jti, None, me))
    assert facts_of((await asked(person, token)).text)["By"] == "you"
    answer = await signed_in(person)
    await place.post("/revoke", "app", token=answer["access_token"])
    assert facts_of((await asked(person, answer["access_token"])).text)["By"] == "the app"


async def test_an_administrator_is_told_of_any_token_and_by_whom(
    place: Installation, person: Person, visitor: Person
):
    """S109: the page of administrators; nobody else may open it."""
    token = (await signed_in(person))["access_token"]
    jti = str(unverified_claims(token)["jti"])
    await place.authority.store.transact(lambda tx: revocation.end_token(tx, jti, None, events.CLI))
    admin = await place.add_user("admin@example.com", is_admin=True)
    async with place.browser() as browser:
        boss = Person(place, browser, "admin@example.com", admin.id)
        await boss.sign_in(await boss.browser.get("/sign-in"))
        answer = await asked(boss, token, "/admin/explain")
        assert facts_of(answer.text)["By"] == "cli"
        assert answer.headers["cache-control"] == "no-store"
        boss.browser.headers["accept-language"] = "de"
        answer = await asked(boss, token, "/admin/explain")
        assert answer.headers["content-language"] == "en"
        assert "The token is refused" in answer.text
    await signed_in(visitor)
    for method in ("GET", "POST"):
        form = hidden_fields((await visitor.browser.get("/account/explain")).text)
        refused = await visitor.browser.request(method, "/admin/explain", data=form)
        assert refused.status_code == 403
        assert jti not in refused.text


@pytest.mark.parametrize("path", ["/account/explain", "/admin/explain"])
async def test_nobody_asks_without_being_signed_in(place: Installation, path: str):
    async with place.browser() as anyone:
        for answer in (await anyone.get(path), await anyone.post(path, data={"token": "x"})):
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


async def test_a_foreign_form_asks_nothing(person: Person):
    """S74: CSRF."""
    await signed_in(person)
    answer = await person.browser.post("/account/explain", data={"csrf": "x", "token": "y"})
    assert answer.status_code == 403


async def test_nothing_pasted_is_no_mistake_of_ours(person: Person):
    await signed_in(person)
    form = hidden_fields((await person.browser.get("/account/explain")).text)
    answer = await person.browser.post("/account/explain", data=form)
    assert "not known as a token of yours" in answer.text


async def test_a_german_reader_is_told_in_german(place: Installation, person: Person):
    token = (await signed_in(person))["access_token"]
    person.browser.headers["accept-language"] = "de"
    answer = await asked(person, token)
    assert "Das Token gilt" in answer.text
    facts = facts_of(answer.text)
    assert facts["Signatur: bestanden"] == "Seine Signatur ist unsere."
    assert facts["Client: bestanden"].endswith("darf handeln.")
    english = re.compile(r"\b(the|of|it|is|was|not|any)\b", re.IGNORECASE)
    said = [f"{name} {value}" for name, value in facts.items() if english.search(value)]
    assert said == []


def test_each_check_has_a_name_that_catalogues_know():
    folder = Path(explaining.__file__).parent
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    calls = re.findall(r"(?:passed|failed|not_known|_revoked)\(\s*\"(\w+)\"", text)
    tables = re.findall(r"(?:_Notice\(\s*|^    \()\"(\w+)\", ", text, re.MULTILINE)
    assert len(calls) > 30
    assert {each.replace("_", " ") for each in (*calls, *tables)} <= set(CHECKS)
