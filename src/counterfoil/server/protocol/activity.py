"""When things were last used: noted in memory on hot paths, written in one go now and then."""

from counterfoil.server.records.store import Store, Transaction


class Activity:
    """Last uses that have not been written yet. A crash loses seconds of them, nothing else."""

    def __init__(self) -> None:
        self._secrets: dict[str, int] = {}
        self._sessions: dict[str, int] = {}
        self._cookies: dict[str, int] = {}

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

    async def flush(self, store: Store) -> None:
        """Write what was noted; on failure it stays noted."""
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
