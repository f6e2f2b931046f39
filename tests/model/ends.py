"""What ends and what shortens: done to the server as ever, and told to the reference."""

from msgspec.structs import replace

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.server.identity import password_change
from counterfoil.server.protocol import endings, registration, revocation
from counterfoil.server.protocol.end_dates import limit_grant
from counterfoil.server.protocol.endings import Ending, Ends, Target
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.failures import StoreUnavailable
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from tests.model.reference import Api, Client, Family, Grant, Life, Session, Token, Told, User
from tests.model.world import NOWHERE, World


class Ender:
    """Ends things in a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._model = world.model
        self._house = world.house

    async def carry_out(self, target: Target) -> tuple[Ending | None, Told]:
        """End something as its page or command does; ``None``: the server does not know it."""
        authority = self._house.process.authority

        async def work(tx: Transaction) -> Ending | None:
            try:
                return await endings.carry_out(authority, tx, target, CLI)
            except OAuthError:
                return None

        ending, told = await self._world.command(work)
        if ending is None or not ending.ended:
            assert told.before == told.after, "nothing ended, and yet the feed told of it"
        else:
            assert ending.position.number == told.after, "the receipt is not where the feed stands"
        return ending, told

    async def begin(self, target: Target) -> bool:
        """Begin to end something, in a process that will not live; whether that was answered."""
        try:
            await self.carry_out(target)
        except StoreUnavailable:
            return False
        return True

    async def token(self, token: Token, *, by_value: bool) -> None:
        """End one access token, by its value or by its fingerprint."""
        expires_at = token.expires_at if by_value else None
        ending, told = await self.carry_out(Target(Ends.TOKEN, token.jti, expires_at))
        assert ending is not None
        if by_value and self._world.now >= token.expires_at:
            assert not ending.ended
            return
        self._model.end([token], told)

    async def family(self, family: Family) -> None:
        """End one authorization."""
        ending, told = await self.carry_out(Target(Ends.FAMILY, family.id))
        assert ending is not None or self._is_over(family)
        if ending is not None:
            self._model.end_families([family], told)

    async def session(self, session: Session) -> None:
        """Sign one browser out."""
        over = not session.is_live(self._world.now)
        ending, told = await self.carry_out(Target(Ends.SESSION, session.id))
        assert ending is not None or over
        if ending is not None:
            self._model.end_session(session, told)

    async def grant(self, grant: Grant, *, keep: bool) -> None:
        """Sign an app out everywhere; unless it keeps its permission, take that back too."""
        kind = Ends.APP_SESSIONS if keep else Ends.GRANT
        ending, told = await self.carry_out(Target(kind, grant.id))
        assert ending is not None or not grant.is_live(self._world.now)
        if ending is not None:
            (self._model.end_app_sessions if keep else self._model.end_grant)(grant, told)

    async def limit_grant(self, grant: Grant, seconds: int | None) -> None:
        """Give a permission another end date, or none."""
        now = self._world.now
        if not grant.is_live(now):
            return
        ends_at = None if seconds is None else now + seconds

        async def work(tx: Transaction) -> None:
            found = await tx.grants.find(grant.id)
            assert found is not None
            await limit_grant(tx, found, ends_at, CLI)

        _, told = await self._world.command(work)
        self._model.limit_grant(grant, ends_at or Grant.ends_at, told)

    async def user(self, user: User) -> None:
        """End everything of a person."""
        _, told = await self.carry_out(Target(Ends.USER, user.id))
        self._model.end_user(user, told)

    async def client(self, client: Client) -> None:
        """End everything of a client."""
        _, told = await self.carry_out(Target(Ends.CLIENT, client.client_id))
        self._model.end_client(client, told)

    async def api(self, api: Api) -> None:
        """End every token for an API."""
        _, told = await self.carry_out(Target(Ends.API, api.uri))
        self._model.end_api(api, told)

    async def key(self, kid: str) -> None:
        """Withdraw a key."""
        ending, told = await self.carry_out(Target(Ends.KEY, kid))
        if ending is not None and ending.ended:
            self._world.withdrawn.add(kid)
            self._model.end_key(kid, told)
            # Guards look for the new key at most once a second.
            self._house.clock.turn(1)

    def _is_over(self, family: Family) -> bool:
        tokens = [each for each in self._model.tokens if each.family is family]
        dead = all(self._world.now >= each.expires_at for each in tokens)
        return dead and self._world.now >= family.refreshes_until

    # What ends when something else changes.

    async def switch_client(self, client: Client, *, on: bool) -> None:
        """Enable or disable a client."""
        switch = registration.enable_client if on else revocation.disable_client
        _, told = await self._world.command(lambda tx: switch(tx, client.client_id, CLI))
        client.enabled = on
        if on:
            assert told.before == told.after
        else:
            self._model.end_client(client, told)

    async def switch_user(self, user: User, *, on: bool) -> None:
        """Enable or disable a person."""
        switch = registration.enable_user if on else revocation.disable_user
        _, told = await self._world.command(lambda tx: switch(tx, user.id, CLI))
        user.enabled = on
        if on:
            assert told.before == told.after
        else:
            self._model.end_user(user, told)

    async def set_password(self, user: User, new: str) -> None:
        """End a person's password; they choose another."""
        _, told = await self._world.command(lambda tx: registration.end_password(tx, user.id, CLI))
        await self._world.command(lambda tx: tx.users.set_password(user.id, new))
        user.password = new
        self._model.end_user(user, told)

    async def change_password(self, session: Session, new: str) -> None:
        """Have a person change their password, at a browser that stays signed in."""
        user, authority = session.user, self._house.process.authority
        live = user.enabled and session.is_live(self._world.now)
        proved = password_change._Proved(user.password, new)

        async def work(tx: Transaction) -> bool:
            found = await tx.sessions.find(session.id)
            if found is None:
                return False
            change = password_change.PasswordChange(found, Secret(""), Secret(""), NOWHERE)
            changed = await password_change._conclude(authority, change, proved, tx)
            return changed is not None

        changed, told = await self._world.command(work)
        assert changed == live
        if changed:
            user.password = new
            session.auth_time = session.last_used_at = self._world.now
            self._model.end_user(user, told, session)

    async def replace_secret(self, client: Client, overlap: int) -> None:
        """Give a client another secret; without an overlap a leak is feared."""
        secret, told = await self._world.command(
            lambda tx: registration.rotate_secret(tx, client.client_id, overlap, CLI)
        )
        assert secret is not None
        self._house.secrets[client.client_id] = secret.reveal()
        if overlap:
            assert told.before == told.after
        else:
            self._model.end_client(client, told)

    # Lifetimes.

    async def api_lifetime(self, api: Api, lifetime: int | None) -> None:
        """Give the tokens of an API another lifetime."""
        told = await self._world.update_api(api, lifetime)
        self._model.change_api(api, lifetime, told)

    async def client_lifetime(self, client: Client, lifetime: int | None) -> None:
        """Give the tokens of a client another lifetime."""
        told = await self._update_client(client, access_token_lifetime=lifetime)
        self._model.change_client(client, lifetime, told)

    async def refreshing(self, client: Client, life: Life | None) -> None:
        """Change for how long a client may refresh."""
        idle, absolute = life or (None, None)
        told = await self._update_client(
            client,
            refresh_idle_lifetime=idle,
            refresh_absolute_lifetime=absolute,
            offline_idle_lifetime=idle,
            offline_absolute_lifetime=absolute,
        )
        assert told.before == told.after
        self._model.change_refreshing(client, life)

    async def default_lifetime(self, seconds: int) -> None:
        """Start the server anew with another lifetime for all whose API says nothing."""

        async def reopen() -> None:
            await self._house.close()
            self._house.default = seconds
            await self._house.open()

        _, told = await self._world.told(reopen)
        self._model.change_default(seconds, told)

    async def _update_client(self, client: Client, **policy: int | None) -> Told:
        async def work(tx: Transaction) -> None:
            found = await tx.clients.find(client.client_id)
            assert found is not None
            changed = replace(found, policy=replace(found.policy, **policy))
            await registration.update_client(tx, changed, CLI, development=True)

        return (await self._world.command(work))[1]

    async def retire_key(self) -> int:
        """Have the key that signs retire early; what it signed stands. Gives when it does."""
        authority = self._house.process.authority
        signer = authority.keyring.signer(Purpose.TOKENS, "at+jwt", self._world.now)
        at, _ = await self._world.command(lambda tx: authority.rotation.retire(tx, signer.kid, CLI))
        return at
