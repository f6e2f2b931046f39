"""The logout page."""

import pytest

from tests.installation import Person, hidden_fields
from tests.server.pages.document import Document

pytestmark = pytest.mark.anyio

BYE = "https://app.example/bye"


async def test_the_page_names_the_app_and_carries_the_request_along(person: Person):
    """RP-Initiated Logout 1.0 §2."""
    await person.code()
    query = {"client_id": "app", "post_logout_redirect_uri": BYE, "state": 'a"b'}
    page = await person.browser.get("/logout", params=query)
    assert "<bdi>App</bdi>" in page.text
    assert hidden_fields(page.text).items() >= query.items()
    assert "form-action 'self' https://app.example" in page.headers["content-security-policy"]
    buttons = {each.attributes.get("value") for each in Document(page.text).all("button")}
    assert buttons == {"logout", "stay"}


async def test_without_an_app_it_ends_at_our_own_page(person: Person):
    await person.code()
    page = await person.browser.get("/logout")
    form = hidden_fields(page.text) | {"decision": "logout"}
    answer = await person.browser.post("/logout", data=form)
    assert answer.headers["location"] == "/signed-out"
    assert "Max-Age=0" in answer.headers["set-cookie"]


async def test_a_foreign_form_signs_nobody_out(person: Person):
    """S74."""
    await person.code()
    answer = await person.browser.post(
        "/logout",
        data={"decision": "logout"},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert answer.status_code == 403
    assert (await person.browser.get("/account/apps")).status_code == 200


async def test_a_wrong_request_is_a_page_and_no_redirect(person: Person):
    await person.code()
    page = await person.browser.get("/logout", params={"client_id": "nobody"})
    assert page.status_code == 400
    assert "client_id" in page.text


async def test_an_answer_given_after_the_session_ended_goes_on(person: Person):
    await person.code()
    page = await person.browser.get("/logout", params={"client_id": "app"})
    form = hidden_fields(page.text) | {"decision": "logout"}
    person.browser.cookies.delete("counterfoil_session")
    answer = await person.browser.post("/logout", data=form)
    assert answer.headers["location"] == "/signed-out"
