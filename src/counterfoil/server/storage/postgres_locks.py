"""The locks by which the processes at one PostgreSQL database wait for one another.

Each ends with its transaction, but for the last two. They are taken in this order: ``MIGRATING``,
then ``ALONE`` or ``BESIDE``, then ``NUMBERING``; whoever numbers what was committed takes the last
alone.
"""

from typing import Final

_OURS: Final = int.from_bytes(b"Coun")

ALONE: Final = f"pg_advisory_xact_lock({_OURS}, 1)"
"""No other work that writes runs."""
BESIDE: Final = f"pg_advisory_xact_lock_shared({_OURS}, 1)"
"""No work that must be alone runs."""
NUMBERING: Final = f"pg_advisory_xact_lock({_OURS}, 2)"
"""Nobody else gives numbers to notices and lines."""
MIGRATING: Final = f"pg_advisory_xact_lock({_OURS}, 3)"
"""Nobody else changes the schema."""

HOLD_EVERYTHING: Final = f"SELECT pg_advisory_lock({_OURS}, 1); SELECT pg_advisory_lock({_OURS}, 2)"
"""The same two for longer than a transaction: nobody writes or numbers."""
LET_GO_OF_EVERYTHING: Final = (
    f"SELECT pg_advisory_unlock({_OURS}, 2); SELECT pg_advisory_unlock({_OURS}, 1)"
)
