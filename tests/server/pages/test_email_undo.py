"""It was not me: the page that takes an account back says what is not right, and spends nothing."""

import pytest

from tests.installation import Installation, Person, hidden_fields
from tests.joinings import NEW, confirm, undo, want_email
from tests.recoveries import token_for

pytestmark = pytest.mark.anyio


async def test_it_is_typed_twice_and_strong(place: Installation, visitor: Person):
    await visitor.sign_in(await visitor.browser.get("/sign-in"))
    new = f"gone-{visitor.email}"
    await want_email(visitor.browser, new)
    await confirm(visitor.browser, await token_for(place, new))
    token = await token_for(place, visitor.email)
    async with place.browser() as mailbox:
        assert (await mailbox.get("/undo-email")).status_code == 410
        await mailbox.get("/undo-email", params={"token": token})
        page = await mailbox.get("/undo-email")
        assert visitor.email in page.text
        assert page.headers["referrer-policy"] == "no-referrer"
        for again, said in ((NEW + "x", "not the same"), (None, "easily guessed")):
            typed = NEW if again else "Password123!"
            form = hidden_fields(page.text) | {"new": typed, "again": again or typed}
            wrong = await mailbox.post("/undo-email", data=form)
            assert (wrong.status_code, said in wrong.text) == (400, True)
        done = await undo(mailbox, token)
        assert "1 browser was signed out" in done.text
