"""The fence: says that a database may not be used, for a copy of it lives, or it is not whole.

Two databases of one issuer that both live would each spend what the other has spent, and neither
would know what was ended at the other.
"""

from enum import StrEnum

from msgspec import Struct


class FenceState(StrEnum):
    """Where a move stands, as seen from one of its two databases. The words are stored."""

    LEAVING = "leaving"
    """It is being copied elsewhere."""
    LEFT = "left"
    """It was copied elsewhere, and lives there."""
    ARRIVING = "arriving"
    """It is a copy that is not whole yet."""
    ARRIVED = "arrived"
    """It was copied from elsewhere, and lives here."""
    HELD = "held"
    """It has begun anew, and waits for somebody to look at what it cannot know."""


class Fence(Struct, frozen=True):
    """``move`` names the one move, ``other`` the other database, without its password.

    ``since`` is in seconds since the epoch.
    """

    state: FenceState
    move: str
    other: str
    since: int

    @property
    def is_shut(self) -> bool:
        """Whether no server may use the database."""
        return self.state is not FenceState.ARRIVED

    @property
    def is_held(self) -> bool:
        """Whether administrators may use it all the same, to bring it up to date."""
        return self.state is FenceState.HELD

    @property
    def refuses_writes(self) -> bool:
        """Whether the engine itself must refuse whoever writes, servers of any version included."""
        return self.state in (FenceState.LEAVING, FenceState.LEFT)

    @property
    def sentence(self) -> str:
        """Say why it is shut, and what to do."""
        match self.state:
            case FenceState.LEAVING:
                return (
                    f"it is shut while it is copied to {self.other}: let `counterfoil database "
                    "copy` go on there, or take the fence away with `counterfoil database reopen`"
                )
            case FenceState.LEFT:
                return (
                    f"it is shut, for it was copied to {self.other} and lives there: name that "
                    "one; `counterfoil database reopen` says what to use this one again means"
                )
            case FenceState.HELD:
                return (
                    f"it has begun anew, from {self.other}, and no server may use it yet: look at "
                    "what was changed since (people and clients that were disabled, passwords and "
                    "secrets), then `counterfoil database reopen`"
                )
            case _:
                return (
                    f"it is not whole: not all is here that is copied into it from {self.other}: "
                    "ask for that again, or make another database"
                )
