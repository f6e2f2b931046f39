"""Server and reference side by side: everything is done to the first and told to the second."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import httpx2
from msgspec.structs import replace

from counterfoil.jose import jwt
from counterfoil.oauth import pkce
from counterfoil.oauth.access import Access
from counterfoil.server.protocol import registration
from counterfoil.server.protocol.approval import Decision, approve
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.client import INTROSPECT
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.session import Origin
from counterfoil.server.records.session import Session as SessionRecord
from counterfoil.server.records.store import Transaction
from tests.installation import CALLBACK, token_request
from tests.model.house import House
from tests.model.reference import (
    CODE_LIVES,
    FOREVER,
    SESSION_LIVES,
    Api,
    Client,
    Code,
    Family,
    Grant,
    Reference,
    Session,
    Token,
    Told,
    User,
)

T = TypeVar("T")

VERIFIER = "v" * 43
DESK = "desk"
NOWHERE = Origin()


class World:
    """What is registered, issued and ended."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.model = Reference(house.default)
        self.withdrawn: set[str] = set()

    @property
    def now(self) -> int:
        """The time of the history."""
        return int(self.house.clock.now)

    async def told(self, doing: Callable[[], Awaitable[T]]) -> tuple[T, Told]:
        """Do something; gives what came of it, and what the feed told meanwhile."""
        before = await self.house.process.number()
        done = await doing()
        return done, Told(before, await self.house.process.number())

    async def command(self, work: Callable[[Any], Awaitable[T]]) -> tuple[T, Told]:
        """Do something as a command does."""
        return await self.told(partial(self.house.process.transact, work))

    async def silent(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Do something that no guard need hear of."""
        done, told = await self.command(work)
        assert told.before == told.after, "the feed told of what concerns nobody"
        return done

    # Who there is.

    async def register_api(self, lifetime: int | None) -> None:
        """Register an API."""
        name = f"api{len(self.model.apis)}"
        api = Api(f"https://{name}.example", f"{name}:use", lifetime)
        await self.house.process.place.add_api(api.uri, name, {api.scope: name})
        if lifetime is not None:
            await self.update_api(api, lifetime)
        self.model.apis.append(api)

    async def update_api(self, api: Api, lifetime: int | None) -> Told:
        """Give the tokens of an API another lifetime."""

        async def work(tx: Transaction) -> None:
            found = await tx.apis.find(api.uri)
            assert found is not None
            await registration.update_api(tx, replace(found, token_lifetime=lifetime), CLI)

        return (await self.command(work))[1]

    async def register_client(self, *, public: bool, rotates: bool, refreshes: bool) -> None:
        """Register a client that may use every API that there is."""
        apis = list(self.model.apis)
        client = Client(f"client{len(self.model.clients)}", apis, public, rotates, refreshes)
        own = () if public else ("client_credentials",)
        signs_in = ("authorization_code", "refresh_token") if refreshes else ()
        openid = {"openid", "offline_access"} if refreshes else set()
        await self.house.process.place.add_client(
            client.client_id,
            public=public,
            grant_types=(*own, *signs_in),
            redirect_uris=(CALLBACK,) if refreshes else (),
            scopes=frozenset({api.scope for api in apis} | openid),
            policy=ClientPolicy(refresh_rotation=rotates),
        )
        self.model.clients.append(client)

    async def register_desk(self) -> None:
        """Register who may ask about every token."""
        await self.house.process.place.add_client(DESK, scopes=frozenset({INTROSPECT}))

    async def register_user(self) -> None:
        """Register a person."""
        new = registration.NewUser(f"user{len(self.model.users)}@example.com", "password 0")
        user = await self.silent(lambda tx: registration.add_user(tx, new, CLI))
        self.model.users.append(User(user.id, "password 0"))

    async def sign_in(self, user: User) -> Session:
        """Sign a person in at a new browser."""

        async def work(tx: Transaction) -> str:
            made = SessionRecord(
                id=new_handle(tx),
                digest=tx.random(32),
                user_id=user.id,
                auth_time=tx.now,
                last_used_at=tx.now,
                expires_at=tx.now + SESSION_LIVES,
                origin=NOWHERE,
            )
            await tx.sessions.add(made)
            return made.id

        session_id, now = await self.silent(work), self.now
        session = Session(session_id, user, now, now, now + SESSION_LIVES)
        self.model.sessions.append(session)
        return session

    # How tokens come about.

    async def authorize(
        self, session: Session, client: Client, apis: list[Api], *, offline: bool
    ) -> Code | None:
        """Have the person of a session allow an app what it asks; gives its code."""
        access = Access(
            {api.uri: frozenset({api.scope}) for api in apis},
            frozenset({"openid", "offline_access"} if offline else {"openid"}),
        )
        pending = Pending(
            client_id=client.client_id,
            redirect_uri=CALLBACK,
            code_challenge=pkce.challenge_of(VERIFIER),
            access=access,
            requested_at=self.now,
        )
        authority = self.house.process.authority

        async def work(tx: Transaction) -> tuple[str, str] | None:
            found = await tx.sessions.find(session.id)
            if found is None:
                return None
            decision = Decision(found, access, NOWHERE)
            code = await approve(authority, tx, pending, decision)
            grant = await tx.grants.between(session.user.id, client.client_id)
            return (code.reveal(), grant.id) if code is not None and grant is not None else None

        # A permission that was given until a day that has passed ends here, if not before.
        given, _ = await self.command(work)
        assert (given is not None) == session.is_live(self.now)
        if given is None:
            return None
        grant = self._grant(given[1], session.user, client)
        code = Code(
            given[0], session, grant, apis, offline, session.auth_time, self.now + CODE_LIVES
        )
        self.model.codes.append(code)
        return code

    def _grant(self, grant_id: str, user: User, client: Client) -> Grant:
        """Find the permission that was given: the one that stands, or a new one."""
        for grant in self.model.grants:
            ours = grant.user is user and grant.client is client
            if ours and grant.is_live(self.now):
                assert grant.id == grant_id
                return grant
        assert all(grant.id != grant_id for grant in self.model.grants), "one that was taken back"
        self.model.grants.append(Grant(grant_id, user, client))
        return self.model.grants[-1]

    async def ask(self, client: Client, **form: str) -> tuple[httpx2.Response, Told]:
        """Have a client ask the token endpoint."""
        process = self.house.process
        answer, told = await self.told(
            lambda: token_request(process.place, client.client_id, **form)
        )
        await process.note_uses()
        return answer, told

    async def service_token(self, client: Client, api: Api) -> None:
        """Have a client get a token in its own name."""
        answer, told = await self.ask(
            client, grant_type="client_credentials", resource=api.uri, scope=api.scope
        )
        assert told.before == told.after
        assert (answer.status_code == 200) == client.enabled, answer.text
        if client.enabled:
            self._issued(answer, client, api, None)

    async def exchange(self, code: Code, api: Api) -> None:
        """Have an app exchange its code; one that was exchanged before ends what came of it."""
        client, possible = code.grant.client, self.model.may_exchange(code, self.now)
        answer, told = await self.ask(
            client,
            grant_type="authorization_code",
            code=code.text,
            code_verifier=VERIFIER,
            redirect_uri=CALLBACK,
            resource=api.uri,
        )
        assert (answer.status_code == 200) == possible, answer.text
        if possible:
            assert told.before == told.after
            given = answer.json()
            family_id = str(jwt.unverified_claims(given["access_token"])["fam"])
            family = self.model.started(code, family_id, given["refresh_token"], self.now)
            self._issued(answer, client, api, family)
        elif code.family is not None and client.enabled:
            self.model.end_families([code.family], told)

    async def refresh(self, family: Family, place: int, api: Api) -> None:
        """Have an app show one of the refresh tokens that it was ever given."""
        client, now = family.client, self.now
        outcome = self.model.presented(family, place, now)
        answer, told = await self.ask(
            client,
            grant_type="refresh_token",
            refresh_token=family.chain[place],
            resource=api.uri,
        )
        good = outcome in ("fresh", "repeated")
        assert (answer.status_code == 200) == good, (outcome, answer.text)
        if outcome == "reused":
            self.model.end_families([family], told)
            return
        assert told.before == told.after, outcome
        if not good:
            return
        if family.session is not None:
            family.session.last_used_at = now
        successor = answer.json().get("refresh_token")
        if outcome == "repeated":
            assert successor == family.chain[-1], "another successor"
        else:
            assert (successor is not None) == client.rotates
            self.model.refreshed(family, successor, now)
        self._issued(answer, client, api, family)

    def _issued(
        self, answer: httpx2.Response, client: Client, api: Api, family: Family | None
    ) -> None:
        given = answer.json()
        left = family.code.grant.ends_at - self.now if family else FOREVER
        text, lifetime = given["access_token"], self.model.lifetime(client, api, left)
        claims = jwt.unverified_claims(text)
        assert given["expires_in"] == lifetime
        assert (claims["iat"], claims["exp"]) == (self.now, self.now + lifetime)
        assert (claims["aud"], claims["client_id"]) == (api.uri, client.client_id)
        assert claims.get("fam", "") == (family.id if family else "")
        kid = str(jwt.unverified_header(text)["kid"])
        assert kid not in self.withdrawn, "signed by a key that was withdrawn"
        issued = Token(
            text, str(claims["jti"]), client, api, kid, self.now, self.now + lifetime, family
        )
        self.model.tokens.append(issued)
