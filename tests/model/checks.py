"""What must hold at every moment: guards, newcomers and the server decide as the reference does."""

from tests.model.guarded import Guarded, kids_in
from tests.model.reference import EXPIRED, KEY_RETIRED, STALE, UNKNOWN_KEY, Family, Token
from tests.model.world import DESK, World

MOST = 60
"""Tokens that are looked at: the newest."""


class Checks:
    """Holds guards and server against the reference of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._model = world.model

    def it_decides_as_the_reference(self, guard: Guarded) -> None:
        """Ask a guard about every token for its API."""
        for token in self._tokens(guard.owner.audience):
            must, may = token.verdict(guard.heard, guard.now())
            if token.kid not in guard.kids and (KEY_RETIRED not in must or EXPIRED in must):
                must |= {UNKNOWN_KEY}  # of one that was withdrawn it knows better
                may |= {KEY_RETIRED}
            if guard.is_stale:
                must |= {STALE}
            decided = guard.refusal(token.text)
            assert decided is not None or not must, self._told(guard, token, must, decided)
            assert decided in must | may or decided is None, self._told(guard, token, must, decided)

    async def it_has_caught_up(self, guard: Guarded) -> None:
        """See that nothing stands between a guard and the newest notice any more."""
        assert guard.heard == await self._world.house.process.number()
        assert not guard.is_stale
        living = [each for each in self._tokens() if not each.is_dead(self._world.now)]
        assert {each.kid for each in living} <= guard.kids

    async def the_server_decides_as_the_reference(self) -> None:
        """Ask the server about everything that it issued, and for its keys."""
        process, now = self._world.house.process, self._world.now
        await self._ask_of(self._tokens())
        for family in self._model.families:
            await self._ask_about(family)
        kids = kids_in(await process.http.get_json(f"{process.place.issuer}/jwks.json"))
        assert not kids & self._world.withdrawn
        assert {each.kid for each in self._tokens() if not each.is_dead(now)} <= kids

    async def the_server_decides_of_the_newest(self) -> None:
        """Ask the server about what it issued last."""
        await self._ask_of(self._tokens()[-4:])

    async def _ask_of(self, tokens: list[Token]) -> None:
        number, now = await self._world.house.process.number(), self._world.now
        for token in tokens:
            said = await self._introspect(token.text)
            assert said["active"] == (not token.verdict(number, now).must), token
            if said["active"]:
                assert said["exp"] == token.expires_for(number)

    async def _ask_about(self, family: Family) -> None:
        stands = not family.ended and self._world.now < family.refreshes_until
        stands = stands and self._model.may_go_on(family, self._world.now)
        for place, refresh_token in enumerate(family.chain):
            said = await self._introspect(refresh_token)
            assert said["active"] == (stands and place == len(family.chain) - 1), family

    async def _introspect(self, token: str) -> dict[str, object]:
        answer = await self._world.house.process.place.post("/introspect", DESK, token=token)
        assert answer.status_code == 200
        said: dict[str, object] = answer.json()
        return said

    def _tokens(self, audience: str = "") -> list[Token]:
        tokens = [each for each in self._model.tokens if audience in ("", each.api.uri)]
        return tokens[-MOST:]

    def _told(self, guard: Guarded, token: Token, must: frozenset[str], decided: str | None) -> str:
        return (
            f"at notice {guard.heard} a guard said {decided}, and must say {sorted(must)}, of a "
            f"token of {self._world.now - token.issued_at} s: {token.endings} {token.shortened}"
        )
