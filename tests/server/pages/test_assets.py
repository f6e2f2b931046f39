"""Static files: cached for ever, by anybody, under an address that changes with them."""

import re

import pytest

from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def test_what_a_page_links_to_is_there_and_may_be_kept(place: Installation, person: Person):
    """S98: a CDN may serve it; the pages themselves are never kept."""
    page = await person.browser.get("/sign-in")
    links = re.findall(r'"(/static/[^"]+)"', page.text)
    assert links
    async with place.browser() as anyone:
        for link in links:
            answer = await anyone.get(link)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["etag"].strip('"') == link.partition("?v=")[2]
            assert "set-cookie" not in answer.headers
    assert page.headers["cache-control"] == "no-store"


async def test_a_kept_file_is_not_sent_again(place: Installation):
    """RFC 9110 §13.1.2."""
    async with place.browser() as anyone:
        first = await anyone.get("/static/counterfoil.css")
        tag = {"if-none-match": first.headers["etag"]}
        again = await anyone.get("/static/counterfoil.css", headers=tag)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


@pytest.mark.parametrize("name", ["nothing.css", "..%2Fassets.py", "%2e%2e%2fviews.py", "a%00b"])
async def test_nothing_else_is_served(place: Installation, name: str):
    async with place.browser() as anyone:
        assert (await anyone.get(f"/static/{name}")).status_code == 404
