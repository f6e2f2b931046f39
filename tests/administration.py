"""Somebody who administers by the API: every answer is held against the published description."""

import json
import re
from typing import Any

import httpx2

from counterfoil.server.endpoints.api.description import description
from counterfoil.server.protocol.own_api import END, READ, SCOPES, WRITE
from tests.installation import CALLBACK, Installation, Person
from tests.json_schema import faults

__all__ = ["END", "READ", "SCOPES", "WRITE", "Administrator", "administrator", "person_token"]


class Administrator:
    """A caller of the admin API with one token."""

    def __init__(self, place: Installation, token: str) -> None:
        self.place = place
        self.token = token
        self.description = json.loads(description(place.issuer))

    async def ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """Ask, and hold the answer against the description."""
        headers = {"authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        async with self.place.browser() as browser:
            answer = await browser.request(method, path, headers=headers, **options)
        self.demand_described(method, path, answer)
        return answer

    def demand_described(self, method: str, path: str, answer: httpx2.Response) -> None:
        template = next(
            each
            for each in sorted(self.description["paths"], key=lambda each: each.count("{"))
            if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", each), path.partition("?")[0])
        )
        row = self.description["paths"][template].get(method.lower())
        if row is None:
            assert answer.status_code == 405
            return
        said = row["responses"][str(answer.status_code)]["content"]["application/json"]["schema"]
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        assert faults(answer.json(), said, self.description) == []

    async def get(self, path: str, **query: Any) -> Any:
        """Read something that is there."""
        answer = await self.ask("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        """Do something that works."""
        answer = await self.ask("POST", path, json={} if body is None else body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        """Ask for something that is refused: the status, and the word."""
        answer = await self.ask(method, path, **options)
        assert answer.status_code >= 400, answer.text
        document = answer.json()
        assert document["request_id"]
        return answer.status_code, document.get("error_reason") or document["error"]


async def administrator(place: Installation, *scopes: str) -> Administrator:
    """A service that may do so much: all, unless scopes are named."""
    wanted = frozenset(scopes or SCOPES)
    client_id = f"ops-{len(place.secrets)}"
    await place.add_client(client_id, scopes=wanted)
    return Administrator(place, await place.service_token(client_id))


async def person_token(place: Installation, person: Person, *scopes: str) -> str:
    """A token of a person, by an app that may administer."""
    wanted = frozenset(scopes or SCOPES)
    client_id = f"console-{len(place.secrets)}"
    await place.add_client(
        client_id,
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=(CALLBACK,),
        scopes=wanted | {"openid"},
    )
    tokens = await person.tokens(client_id, scope=" ".join(sorted(wanted | {"openid"})))
    return str(tokens["access_token"])
