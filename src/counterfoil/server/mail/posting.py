"""Posting: a letter goes into the outbox in the transaction of what it tells of, sealed.

A copy of the database shows neither whom we write to nor a link that could be used.
"""

from typing import Final

import msgspec

from counterfoil.server.keys.sealing import Seals
from counterfoil.server.records.letter import Letter, Waiting
from counterfoil.server.records.store import Transaction

ID_BYTES: Final = 16
_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(Letter)


async def post(tx: Transaction, seals: Seals, letter: Letter, lifetime: int) -> None:
    """Have a letter sent, at once or later; after ``lifetime`` seconds it is not sent any more."""
    await tx.outbox.put(
        Waiting(
            id=letter.id,
            sealed=sealed(letter, seals),
            due_at=tx.now,
            expires_at=tx.now + lifetime,
        )
    )


def sealed(letter: Letter, seals: Seals) -> bytes:
    """Seal a letter; it opens under its own id alone."""
    return seals.seal(_ENCODER.encode(letter), _context(letter.id))


def opened(waiting: Waiting, seals: Seals) -> Letter:
    """Open a letter of the outbox.

    Raises:
        NotSealed: it was not sealed by this installation, or was altered.
    """
    return _DECODER.decode(seals.open(waiting.sealed, _context(waiting.id)))


def _context(letter_id: str) -> str:
    return f"letter {letter_id}"
