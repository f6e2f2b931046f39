"""Which scopes imply which (MCP: "a broader scope implies narrower ones"). Pure.

Nothing follows from how a scope is spelled: ``notes`` implies ``notes:read`` where the owner of the
API says so, and nowhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from counterfoil.guard.given import demand_several
from counterfoil.oauth.access import is_scope, scopes_named

_MAX_KNOWN: Final = 64


class ScopeHierarchy:
    """What each scope implies, through every step.

    Args:
        implied: by each broader scope, the narrower ones.

    Raises:
        ValueError: where a name is no scope, or a scope would imply itself.
    """

    def __init__(self, implied: Mapping[str, Sequence[str]]) -> None:
        for broader, narrower in implied.items():
            demand_several(narrower, f"what {broader} implies")
            for name in (broader, *narrower):
                if not is_scope(name):
                    raise ValueError(f"{name!r} is no name of a scope (RFC 6749 §3.3)")
        self._implied = {name: _below(name, implied, (name,)) for name in implied}
        self._known: dict[str, frozenset[str]] = {}

    def scopes_of(self, claim: str) -> frozenset[str]:
        """Give the scopes of a ``scope`` claim, and what they imply.

        Many tokens say the same: what was said before is remembered, 64 texts at most. With the
        next all are forgotten, so that whoever says something new each time takes no place for
        good.
        """
        scopes = self._known.get(claim)
        if scopes is None:
            scopes = self.widened(scopes_named(claim))
            if len(self._known) >= _MAX_KNOWN:
                self._known.clear()
            self._known[claim] = scopes
        return scopes

    def widened(self, scopes: frozenset[str]) -> frozenset[str]:
        """Add to scopes that were granted what they imply."""
        if not self._implied:
            return scopes
        further = [self._implied[name] for name in scopes if name in self._implied]
        return scopes.union(*further) if further else scopes


def _below(
    name: str, implied: Mapping[str, Sequence[str]], above: tuple[str, ...]
) -> frozenset[str]:
    found: set[str] = set()
    for narrower in implied.get(name, ()):
        if narrower in above:
            raise ValueError(f"the scope {narrower} implies itself: {' > '.join(above)}")
        found |= {narrower} | _below(narrower, implied, (*above, narrower))
    return frozenset(found)
