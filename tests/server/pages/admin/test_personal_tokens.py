"""The personal tokens on the administrators' page of a person (S11)."""

import pytest

from tests.installation import NOTES, Installation, Person, hidden_fields
from tests.server.protocol.test_personal_tokens import make

pytestmark = pytest.mark.anyio


async def test_they_stand_there_and_are_ended(place: Installation, boss: Person) -> None:
    await place.set_policy(NOTES, personal_tokens=True)
    made = await make(place, name="Backup of <b>Ada</b>")
    url = f"/admin/users/{made.token.user_id}"
    page = await boss.browser.get(url)
    assert "Backup of &lt;b&gt;Ada&lt;/b&gt;" in page.text
    assert made.secret.reveal() not in page.text
    end = f"/admin/end?kind=personal_token&name={made.token.id}"
    assert end.replace("&", "&amp;") in page.text
    asked = await boss.browser.get(end)
    assert "Every program that has it stops working." in asked.text
    done = await boss.browser.post("/admin/end", data=hidden_fields(asked.text))
    assert "It has ended" in done.text
    page = await boss.browser.get(url)
    assert end.replace("&", "&amp;") not in page.text
