"""What is dead: notices, and the set that guards and the server hold them in. Pure.

Handles and generations decide, never a clock: a token minted from a stale read is dead already.
"""

from enum import StrEnum

import msgspec
from msgspec import Struct

from counterfoil.oauth.reasons import Reason


class Ended(StrEnum):
    """What a notice is about."""

    TOKEN = "token"
    FAMILY = "family"
    CLIENT = "client"
    API = "api"
    KEY = "key"
    KEYS_CHANGED = "keys_changed"


class Notice(Struct, frozen=True, omit_defaults=True):
    """One thing that guards must know.

    ``name`` is a ``jti``, a family's handle, a ``client_id``, an API's resource identifier or a
    ``kid``. Generations of a client or API below ``generation`` are dead. The notice may be
    forgotten at ``until`` (seconds since the epoch), when the last token it concerns has expired.
    """

    kind: Ended
    name: str
    until: int
    generation: int = 0

    def text(self) -> bytes:
        """Spell the notice. These exact bytes are stored, sent and chained."""
        return msgspec.json.encode(self)


def notice_from(text: bytes | str) -> Notice:
    """Read a notice back.

    Raises:
        msgspec.DecodeError: where the text is no notice.
    """
    return msgspec.json.decode(text, type=Notice)


class Marks(Struct, frozen=True):
    """The marks on a token by which it can be ended. ``family`` is empty without a user."""

    jti: str
    family: str
    client_id: str
    client_generation: int
    audience: str
    api_generation: int
    kid: str


class RevocationSet:
    """All that is dead and whose tokens may still be about. It grows with live notices only.

    A handle once dead stays dead until its notice may be forgotten; generations only rise.
    Applying notices twice, or in another order, gives the same set.
    """

    def __init__(self) -> None:
        self._tokens: dict[str, int] = {}
        self._families: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._clients: dict[str, tuple[int, int]] = {}
        self._apis: dict[str, tuple[int, int]] = {}

    def __len__(self) -> int:
        handles = len(self._tokens) + len(self._families) + len(self._keys)
        return handles + len(self._clients) + len(self._apis)

    def apply(self, notice: Notice) -> None:
        """Take in a notice."""
        match notice.kind:
            case Ended.TOKEN:
                _keep(self._tokens, notice)
            case Ended.FAMILY:
                _keep(self._families, notice)
            case Ended.KEY:
                _keep(self._keys, notice)
            case Ended.CLIENT:
                _raise_generation(self._clients, notice)
            case Ended.API:
                _raise_generation(self._apis, notice)
            case Ended.KEYS_CHANGED:
                pass

    def rejects(self, marks: Marks) -> Reason | None:
        """Say why a token with these marks is dead, or ``None`` where nothing has ended it."""
        if marks.jti in self._tokens or marks.family in self._families:
            return Reason.REVOKED
        if marks.kid in self._keys:
            return Reason.KEY_RETIRED
        client = self._clients.get(marks.client_id)
        if client is not None and marks.client_generation < client[0]:
            return Reason.REVOKED
        api = self._apis.get(marks.audience)
        if api is not None and marks.api_generation < api[0]:
            return Reason.REVOKED
        return None

    def forget(self, now: int) -> None:
        """Drop what no living token can carry any more (S41)."""
        for handles in (self._tokens, self._families, self._keys):
            for name in [name for name, until in handles.items() if until <= now]:
                del handles[name]
        for generations in (self._clients, self._apis):
            for name in [name for name, (_, until) in generations.items() if until <= now]:
                del generations[name]


def _keep(handles: dict[str, int], notice: Notice) -> None:
    handles[notice.name] = max(notice.until, handles.get(notice.name, 0))


def _raise_generation(generations: dict[str, tuple[int, int]], notice: Notice) -> None:
    generation, until = generations.get(notice.name, (0, 0))
    generations[notice.name] = (max(generation, notice.generation), max(until, notice.until))
