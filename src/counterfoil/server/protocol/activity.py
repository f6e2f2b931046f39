"""When things were last used: noted in memory on hot paths, written in one go now and then."""

from counterfoil.server.protocol import events
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.personal_token import Use
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Store, Transaction


class Activity:
    """Last uses that have not been written yet. A crash loses seconds of them, nothing else."""

    def __init__(self) -> None:
        self._secrets: dict[str, int] = {}
        self._sessions: dict[str, int] = {}
        self._cookies: dict[str, int] = {}
        self._personal: dict[str, Use] = {}

    def note_secret(self, secret_id: str | None, now: int) -> None:
        """Note the use of a client secret."""
        if secret_id is not None:
            self._secrets[secret_id] = now

    def note_session(self, session_id: str, now: int) -> None:
        """Note the use of a session."""
        self._sessions[session_id] = now

    def note_cookie(self, session_id: str, now: int) -> None:
        """Note that a browser was given the cookie of its session anew."""
        self._cookies[session_id] = now

    def note_personal_token(self, token_id: str, use: Use) -> None:
        """Note the use of a personal token; the last known address stays where this tells none."""
        before = self._personal.get(token_id)
        known = before.address if before is not None else ""
        self._personal[token_id] = Use(use.at, use.address or known)

    async def flush(self, store: Store) -> None:
        """Write what was noted; on failure it stays noted."""
        await self._flush_personal(store)
        secrets, sessions, cookies = self._secrets, self._sessions, self._cookies
        if not (secrets or sessions or cookies):
            return

        async def note_uses(tx: Transaction) -> None:
            await tx.clients.touch_secrets(secrets)
            await tx.sessions.touch(sessions)

        async def note_cookies(tx: Transaction) -> None:
            await tx.sessions.note_cookies(cookies)

        self._secrets, self._sessions, self._cookies = {}, {}, {}
        try:
            # Each goes through the sessions in their order, once: two at a time, in one work, could
            # lock each other out.
            await store.transact(note_uses, beside=True)
            if cookies:
                await store.transact(note_cookies, beside=True)
        except BaseException:
            self._secrets = secrets | self._secrets
            self._sessions = sessions | self._sessions
            self._cookies = cookies | self._cookies
            raise

    async def _flush_personal(self, store: Store) -> None:
        noted = self._personal
        if not noted:
            return

        async def note(tx: Transaction) -> None:
            for token_id in sorted(noted):
                use = noted[token_id]
                if await tx.personal_tokens.note_use(token_id, use):
                    await _record_first_use(tx, token_id, use)

        self._personal = {}
        try:
            await store.transact(note, beside=True)
        except BaseException:
            self._personal = noted | self._personal
            raise


async def _record_first_use(tx: Transaction, token_id: str, use: Use) -> None:
    token = await tx.personal_tokens.find_by_id(token_id)
    if token is not None:
        by = events.by_user(token.user_id, Origin(use.address), f"token:{token_id}")
        detail = {"user_id": token.user_id, "audience": token.audience}
        await events.record(tx, EventKind.PERSONAL_TOKEN_USED, by, token_id, detail)
