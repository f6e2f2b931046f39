"""Fills an installation with grants and what hangs on them, inside the engine.

Of every three grants one person has given all, to three apps; each grant has a family, each person
a session, each grant an event; and there is a client to every hundred. Ids ascend, so that filling
is quick; those that are measured lie anywhere among them.
"""

import hashlib
import random
import re
import secrets
import time
from base64 import urlsafe_b64encode
from typing import Final

from msgspec import Struct

from bench.engines import Engine, Value
from counterfoil.oauth.access import Access
from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.server.records.session import Origin
from counterfoil.server.storage.statements.json_text import json_text

PER_PERSON: Final = 3
PER_CLIENT: Final = 100
_FIRST: Final = 10**12 + 2
"""A multiple of three."""
_DAY: Final = 86_400
_PIECE: Final = 300_000
_NUMBERS: Final = (
    "WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i + 1 < :end)"
)
_PEOPLE: Final = f"""
{_NUMBERS}
INSERT INTO users (id, email, email_key, created_at, is_admin, failed_sign_ins, locked_until)
SELECT 'person-' || i, i || '@example.com', i || '@example.com', :now, 0, 0, 0 FROM n
"""
_SESSIONS: Final = f"""
{_NUMBERS}
INSERT INTO sessions (id, digest, user_id, auth_time, last_used_at, expires_at, origin,
    style, cookie_set_at)
SELECT 'session-' || i, CAST('digest-' || i AS BLOB), 'person-' || i, :now, :now,
    :now + 30 * {_DAY}, :origin, 'persistent', :now FROM n
"""
_CLIENTS: Final = f"""
{_NUMBERS}
INSERT INTO clients (client_id, client_name, created_at, grant_types, scopes, redirect_uris,
    post_logout_redirect_uris, public, generation, access)
SELECT 'client-' || i, 'Client ' || i, :now, '[]', '[]', '[]', '[]', 0, 0, :nothing FROM n
"""
_GRANTS: Final = f"""
{_NUMBERS}
INSERT INTO grants (id, user_id, client_id, access, created_at, updated_at)
SELECT 'grant-' || i, 'person-' || ({_FIRST} + (i - {_FIRST}) / {PER_PERSON}),
    CASE i % {PER_PERSON} WHEN 0 THEN :app ELSE 'app-' || (i % {PER_PERSON}) END,
    :access, :now, :now FROM n
"""
_FAMILIES: Final = f"""
{_NUMBERS}
INSERT INTO families (id, grant_id, client_id, user_id, session_id, access, auth_time, created_at,
    last_used_at, access_expires_at, origin, binding_method, binding_thumbprint,
    refresh_generation, refresh_digest, refresh_expires_at, absolute_expires_at, rotated_at,
    ended_why)
SELECT 'family-' || i, 'grant-' || i,
    CASE i % {PER_PERSON} WHEN 0 THEN :app ELSE 'app-' || (i % {PER_PERSON}) END,
    'person-' || ({_FIRST} + (i - {_FIRST}) / {PER_PERSON}), NULL, :access, :now, :now, :now,
    :now + 600, :origin, '', '', 1, CAST('digest-' || i AS BLOB), :now + 30 * {_DAY},
    :now + 365 * {_DAY}, :now, '' FROM n
"""
_EVENTS: Final = f"""
{_NUMBERS}
INSERT INTO events (number, at, kind, actor, subject, proof, detail, by_commitment,
    about_commitment, digest, by_person)
SELECT :lines + 1 + i - :first, :now, 'consent_given', '', 'grant-' || i, '', '{{}}', '',
    '', 'filled', 'person-' || ({_FIRST} + (i - {_FIRST}) / {PER_PERSON}) FROM n
"""


_CODE: Final = """
INSERT INTO authorizations (digest, client_id, user_id, grant_id, redirect_uri, code_challenge,
    access, auth_time, expires_at, origin, wrong_verifiers)
VALUES (:digest, :app, :person, :grant, :callback, :challenge, :access, :now, :end, :origin, 0)
"""
_BROWSER: Final = "UPDATE sessions SET digest = :digest WHERE id = :session"
_NAMED: Final = re.compile(r":([a-z]+)")


class Sample(Struct, frozen=True):
    """One person among them: their browser's session, and a code that an app may exchange."""

    session: Secret
    code: Secret
    verifier: str


class Filling:
    """Fills the database of an installation that no server has open, further at every call."""

    def __init__(self, engine: Engine, app: str, api: str, scope: str) -> None:
        self._engine = engine
        self._grants = 0
        access = Access({api: frozenset({scope})}, frozenset({"offline_access"}))
        self._always: dict[str, Value] = {
            "app": app,
            "access": json_text(access),
            "nothing": json_text(Access()),
            "origin": json_text(Origin("127.0.0.1", "bench")),
        }
        for number in range(1, PER_PERSON):
            clients = _CLIENTS.replace("'client-' || i", f"'app-{number}'")
            engine.run(self._stretch(clients, 0, 1))

    def fill(self, grants: int) -> None:
        """Fill up to so many grants, a multiple of 300."""
        before, self._grants = self._grants, grants
        for first in range(before, grants, _PIECE):
            self._fill(first, min(first + _PIECE, grants))
        self._engine.settle()

    def _fill(self, first: int, end: int) -> None:
        people = first // PER_PERSON, end // PER_PERSON
        lines = self._engine.number("SELECT coalesce(max(number), 0) FROM events")
        each = [
            self._stretch(_PEOPLE, *people),
            self._stretch(_SESSIONS, *people),
            self._stretch(_CLIENTS, first // PER_CLIENT, end // PER_CLIENT),
            self._stretch(_GRANTS, first, end),
            self._stretch(_FAMILIES, first, end),
            self._stretch(_EVENTS, first, end, lines=lines),
        ]
        self._engine.run(";".join(each))

    def _stretch(self, sql: str, first: int, end: int, **given: Value) -> str:
        return self._told(sql, first=_FIRST + first, end=_FIRST + end, **given)

    def _told(self, sql: str, **given: Value) -> str:
        """Put values where their names stand: engines do not agree on how to hand them over."""
        values = {**self._always, "now": int(time.time()), **given}
        return _NAMED.sub(lambda found: self._engine.literal(values[found[1]]), sql)

    def sample(self, number: int, callback: str) -> list[Sample]:
        """Choose so many people, and give each a browser and a code."""
        people = random.sample(range(self._grants // PER_PERSON), number)
        return [self._sampled(_FIRST + person, callback) for person in people]

    def _sampled(self, person: int, callback: str) -> Sample:
        session = spell(Kind.SESSION, secrets.token_bytes(SECRET_BYTES))
        code = spell(Kind.AUTHORIZATION_CODE, secrets.token_bytes(SECRET_BYTES))
        verifier = secrets.token_urlsafe(32)
        challenge = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        grant = _FIRST + (person - _FIRST) * PER_PERSON  # the first of three is for our own app
        browser = self._told(_BROWSER, digest=session.fingerprint(), session=f"session-{person}")
        exchanged = self._told(
            _CODE,
            digest=code.fingerprint(),
            person=f"person-{person}",
            grant=f"grant-{grant}",
            callback=callback,
            challenge=challenge.decode(),
            end=int(time.time()) + _DAY,
        )
        self._engine.run(f"{browser};{exchanged}")
        return Sample(session, code, verifier)
