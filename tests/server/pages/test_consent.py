"""Consent: what is shown, what is asked, and what an answer means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.access import Access
from counterfoil.server.pages.permissions import allowed_by, value_of
from tests.installation import (
    CALLBACK,
    NOTES,
    Installation,
    Person,
    answer_of,
    hidden_fields,
    permissions_in,
)
from tests.server.pages.document import Document

MAIL = "https://mail.example"
SCOPES = st.frozensets(st.sampled_from(["read", "write", "delete"]), min_size=1)
ACCESSES = st.builds(
    Access,
    st.dictionaries(st.sampled_from([NOTES, MAIL]), SCOPES),
    st.frozensets(st.sampled_from(["openid", "email", "offline_access"])),
)
CHOICES = st.frozensets(
    st.sampled_from(["openid", "email", f"{NOTES} read", f"{MAIL} read", "read", "x"])
    | st.text(max_size=10)
)


@given(ACCESSES, CHOICES)
def test_nothing_beyond_what_was_asked_is_ever_allowed(asked: Access, chosen: frozenset[str]):
    """S10."""
    assert asked.covers(allowed_by(asked, chosen))


@given(ACCESSES)
def test_all_that_was_asked_may_be_allowed(asked: Access):
    """S10."""
    values = {value_of(uri, scope) for uri, scopes in asked.apis.items() for scope in scopes}
    assert allowed_by(asked, frozenset(values | asked.openid)) == asked


@given(ACCESSES)
def test_nothing_chosen_is_nothing_but_openid(asked: Access):
    """S10: openid goes with whatever is chosen."""
    assert allowed_by(asked, frozenset()).scopes <= {"openid"}


def test_one_scope_of_two_apis_is_two_permissions():
    """S10."""
    both = Access({NOTES: frozenset({"read"}), MAIL: frozenset({"read"})})
    allowed = allowed_by(both, frozenset({value_of(MAIL, "read")}))
    assert allowed == Access({MAIL: frozenset({"read"})})


pages = pytest.mark.anyio


@pages
async def test_the_page_says_who_asks_for_what_and_where_it_leads(person: Person):
    """S10: in plain words, for the person who is signed in."""
    page = await person.sign_in(await person.open(scope="openid email notes:read"))
    assert page.status_code == 200
    assert "Let <bdi>App</bdi> in?" in page.text
    assert "app.example" in page.text
    assert person.email in page.text
    assert "Read your notes" in page.text
    assert "See your email address" in page.text
    assert "Change your notes" not in page.text
    assert "form-action 'self' https://app.example" in page.headers["content-security-policy"]


@pages
async def test_every_permission_can_be_taken_away_but_the_needed_one(person: Person):
    """S10."""
    page = await person.sign_in(await person.open(scope="openid email notes:read"))
    inputs = [each.attributes for each in Document(page.text).all("input")]
    permissions = {each["value"]: each for each in inputs if each["name"] == "permission"}
    assert permissions["openid"]["type"] == "hidden"
    assert permissions["email"]["type"] == "checkbox"
    assert permissions[f"{NOTES} notes:read"]["type"] == "checkbox"


@pages
@pytest.mark.parametrize("spoilt", ["csrf", "flow", "decision"])
async def test_a_forged_answer_allows_nothing(place: Installation, person: Person, spoilt: str):
    """S74, S103: missing or wrong, and no grant is made."""
    page = await person.sign_in(await person.open())
    form = hidden_fields(page.text) | {"decision": "allow"}
    form["permission"] = permissions_in(page.text)
    for wrong in (None, "x"):
        changed = {k: v for k, v in (form | {spoilt: wrong}).items() if v is not None}
        answer = await person.browser.post("/consent", data=changed)
        assert answer.status_code in (400, 403)
        assert "location" not in answer.headers
    store = place.authority.store
    assert await store.read(lambda tx: tx.grants.of_user(person.user_id)) == []


@pages
async def test_an_answer_of_somebody_signed_out_leads_to_the_sign_in(person: Person):
    page = await person.sign_in(await person.open())
    person.browser.cookies.delete("counterfoil_session")
    again = await person.allow(page)
    assert 'name="password"' in again.text


@pages
async def test_the_page_cannot_be_used_to_get_around_the_sign_in(
    place: Installation, person: Person
):
    """The one place that decides the order is asked before anything is allowed."""
    page = await person.sign_in(await person.open(prompt="login"))
    await person.allow(page)
    place.clock.turn(5)
    start = await person.browser.get(person.authorization_url(prompt="login"))
    form = hidden_fields(page.text) | {"decision": "allow"}
    form["flow"] = start.headers["location"].partition("flow=")[2]
    form["permission"] = permissions_in(page.text)
    answer = await person.browser.post("/consent", data=form)
    assert answer.headers["location"].startswith("/authorize/continue?")


@pages
async def test_what_was_allowed_before_is_marked(person: Person):
    await person.code()
    page = await person.open(scope="openid notes:read notes:write")
    assert page.text.count("Already allowed") == 2


@pages
async def test_hostile_names_are_only_text(place: Installation, person: Person):
    """S103: escaped wherever they stand."""
    await place.add_api(MAIL, "<b>Mail</b>", {"mail:x": "<script>alert(1)</script>"})
    await place.add_client(
        "hostile",
        client_name='<img src=x onerror="alert(1)">',
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK,),
        scopes=frozenset({"mail:x"}),
    )
    page = await person.sign_in(await person.open("hostile", scope="mail:x"))
    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "<b>Mail" not in page.text


@pages
async def test_allowing_nothing_asks_again(person: Person):
    page = await person.sign_in(await person.open(scope="notes:read"))
    again = await person.allow(page, permissions=[])
    assert again.status_code == 400
    assert "code" in answer_of(await person.allow(again))


@pages
async def test_a_page_with_very_many_permissions_can_be_answered(
    place: Installation, person: Person
):
    """S10: what the page shows, it takes back."""
    scopes = {f"s{number}": f"Do thing {number}" for number in range(100)}
    await place.add_api("https://many.example", "Many", scopes)
    await place.add_client(
        "many",
        grant_types=("authorization_code",),
        redirect_uris=(CALLBACK,),
        scopes=frozenset(scopes),
    )
    back = await person.allow(
        await person.sign_in(await person.open("many", scope=" ".join(scopes)), person.email)
    )
    assert "code" in answer_of(back)
