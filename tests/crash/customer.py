"""A customer of two server processes that die all the time, who writes down what they were told.

Whatever was answered must stay true; whatever was not may have happened or not.
"""

import asyncio
import json
import random
import secrets
from base64 import urlsafe_b64decode
from collections import Counter
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2

from counterfoil.oauth import pkce
from tests.installation import CALLBACK, PASSWORD, endings_in, hidden_fields, permissions_in


class Family:
    """What one code became. ``doubtful``: an answer was lost, so that it may have ended."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.access_tokens: list[str] = []
        self.ended = False
        self.doubtful = False
        self.take(answer)
        self.id = str(claims_of(self.access_tokens[0])["fam"])

    def take(self, answer: dict[str, Any]) -> None:
        self.access_tokens.append(answer["access_token"])
        self.refresh_token: str = answer["refresh_token"]


class Books:
    """Everything that was acknowledged, by all customers."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}
        self.successors: dict[str, str] = {}
        self.recovered = 0
        self.families: list[Family] = []
        self.codes: list[tuple[str, str]] = []
        self.grants_ended = 0
        self.lost = 0
        self.answers = Counter[str]()
        """How many each base has given, of whatever kind."""

    @property
    def shown(self) -> int:
        """How many codes and refresh tokens were spent."""
        return len(self.spent) + len(self.successors)

    def tell_of_all(self) -> bool:
        """Whether all that a customer does was seen: ended, and interrupted."""
        return self.grants_ended > 0 and self.recovered > 0

    def spend(self, secret: str) -> None:
        self.spent[secret] = self.spent.get(secret, 0) + 1
        assert self.spent[secret] == 1, "a code was spent twice"

    def succeed(self, refresh_token: str, successor: str) -> None:
        known = self.successors.setdefault(refresh_token, successor)
        assert known == successor, "a refresh token has two successors"


class Customer:
    """One person at a browser, and the app that serves them."""

    def __init__(
        self, bases: tuple[str, str], app_secret: str, books: Books, email: str, seed: int
    ) -> None:
        self.bases = bases
        self.books = books
        self.email = email
        self.dice = random.Random(seed)
        self.app = ("app", app_secret)
        self.families: list[Family] = []
        self.unused: list[tuple[str, str]] = []
        self.browser = httpx2.AsyncClient(timeout=20)

    async def ask(
        self, method: str, path: str, base: str | None = None, **more: Any
    ) -> httpx2.Response | None:
        """Ask either process; ``None``: no answer came, or one that promises nothing (503)."""
        base = base or self.dice.choice(self.bases)
        try:
            answer = await self.browser.request(method, base + path, **more)
        except httpx2.HTTPError:
            self.books.lost += 1
            return None
        self.books.answers[base] += 1
        assert answer.status_code in {200, 303, 400, 503}, (answer.status_code, answer.text)
        return None if answer.status_code == 503 else answer

    async def live(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            await self.once()
        await self.browser.aclose()

    async def once(self) -> None:
        living = [each for each in self.families if not each.ended and not each.doubtful]
        dice = self.dice.random()
        if not living or dice < 0.25:
            await self.start()
        elif dice < 0.85:
            await self.refresh(self.dice.choice(living))
        elif dice < 0.95:
            await self.revoke(self.dice.choice(living))
        else:
            await self.remove_app()

    async def start(self) -> None:
        verifier = secrets.token_urlsafe(32)
        code = await self.code(verifier)
        if code is None:
            return
        if self.dice.random() < 0.1:
            self.unused.append((code, verifier))
        else:
            await self.exchange(code, verifier)

    async def code(self, verifier: str) -> str | None:
        """Go through the pages, each at either process, until a code comes or an answer is lost."""
        asked = {
            "response_type": "code",
            "client_id": "app",
            "redirect_uri": CALLBACK,
            "scope": "openid offline_access notes:read",
            "code_challenge": pkce.challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        answer = await self.ask("GET", "/authorize", params=asked)
        while answer is not None:
            if answer.status_code == 303:
                target = answer.headers["location"]
                if target.startswith(CALLBACK):
                    return parse_qs(urlsplit(target).query)["code"][0]
                answer = await self.ask("GET", target)
                continue
            assert answer.status_code == 200, answer.text
            form: dict[str, Any] = hidden_fields(answer.text)
            if 'name="password"' in answer.text:
                form |= {"email": self.email, "password": PASSWORD}
                answer = await self.ask("POST", "/sign-in", data=form)
            else:
                form |= {"decision": "allow", "permission": permissions_in(answer.text)}
                answer = await self.ask("POST", "/consent", data=form)
        return None

    async def show(self, form: dict[str, str]) -> tuple[list[Any], bool]:
        """Show a code or refresh token: at one process, or at both at one moment.

        Gives the answers, and whether one was lost.
        """
        both = self.dice.random() < 0.3
        bases = self.bases if both else (self.dice.choice(self.bases),)
        asked = (self.ask("POST", "/token", base, data=form, auth=self.app) for base in bases)
        answers = await asyncio.gather(*asked)
        return [answer for answer in answers if answer is not None], None in answers

    async def spend(self, code: str, form: dict[str, str]) -> tuple[list[Any], bool]:
        """Show a code. At most one of the answers may be a success, ever."""
        answers, lost = await self.show(form)
        for answer in answers:
            if answer.status_code == 200:
                self.books.spend(code)
        return answers, lost

    async def exchange(self, code: str, verifier: str) -> None:
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
        answers, lost = await self.spend(code, form)
        if not answers:
            answers, _ = await self.spend(code, form)
        won = [answer.json() for answer in answers if answer.status_code == 200]
        if won:
            family = Family(won[0])
            family.ended = len(answers) > 1
            family.doubtful = lost
            self.families.append(family)
            self.books.families.append(family)
        else:
            assert lost or not answers, "a good code was refused, and nobody had used it"

    async def refresh(self, family: Family) -> None:
        """Refresh, and try again where the answer was lost: there is one successor, always."""
        token = family.refresh_token
        form = {"grant_type": "refresh_token", "refresh_token": token}
        answers, lost = await self.show(form)
        while not answers:
            answers, _ = await self.show(form)
        for answer in answers:
            assert answer.status_code == 200, f"a good refresh token was refused: {answer.text}"
            self.books.succeed(token, answer.json()["refresh_token"])
        self.books.recovered += lost
        family.take(answers[0].json())

    async def revoke(self, family: Family) -> None:
        family.doubtful = True
        form = {"token": family.refresh_token}
        if await self.ask("POST", "/revoke", data=form, auth=self.app) is not None:
            family.ended = True
            await self.demand_dead([family])

    async def remove_app(self) -> None:
        page = await self.ask("GET", "/account/apps")
        verbs = [each for each in endings_in(page.text) if "/grant/" in each] if page else []
        if page is None or not verbs:
            return
        before, codes = list(self.families), list(self.unused)
        for family in before:
            family.doubtful = True
        self.unused.clear()
        done = await self.ask("POST", verbs[0], data=hidden_fields(page.text))
        if done is None:
            return
        assert done.status_code == 200
        self.books.grants_ended += 1
        for family in before:
            family.ended = True
        self.families.clear()
        await self.demand_dead(self.dice.sample(before, min(5, len(before))))
        for code, verifier in codes:
            form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
            answer = await self.ask("POST", "/token", data=form, auth=self.app)
            assert answer is None or answer.status_code == 400, "a code outlived its grant"

    async def demand_dead(self, families: list[Family]) -> None:
        """Whatever process is asked: what was acknowledged as ended is not alive in any."""
        for family in families:
            for token in (family.access_tokens[-1], family.refresh_token):
                answer = await self.ask("POST", "/introspect", data={"token": token}, auth=self.app)
                assert answer is None or answer.json() == {"active": False}, "an ended one lives"


def claims_of(token: str) -> dict[str, Any]:
    claims = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
    assert isinstance(claims, dict)
    return claims
