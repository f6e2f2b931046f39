"""What a route says of itself: what it demands of tokens, or that it is open.

A route that says nothing is denied: the app does not start with it (S119).
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final, TypeVar

from msgspec import Struct

from counterfoil.guard.demands import NOTHING, Demands
from counterfoil.guard.gate import Gate
from counterfoil.guard.given import demand_several
from counterfoil.guard.token import Rejected, Token
from counterfoil.oauth.limits import Act
from counterfoil.oauth.reasons import Reason

_MARK: Final = "__counterfoil__"
_PARAMETERS: Final = "{<(["
_AMBIGUOUS: Final = ("..", "//", "\\")
"""Routers differ in how they read these."""

View = TypeVar("View", bound=Callable[..., Any])


class Declared(Struct, frozen=True):
    """What a route demands beyond a token that stands, or that it needs no token at all."""

    demands: Demands = NOTHING
    is_open: bool = False


OPEN: Final = Declared(is_open=True)


class Route(Struct, frozen=True):
    """A route as its framework knows it: its template, such as ``/notes/{id}``, and its name."""

    template: str
    name: str

    def __str__(self) -> str:
        return f"{self.template} ({self.name})"


class Undeclared(Exception):
    """Routes do not say what they demand of tokens, so nothing may reach them.

    ``routes`` are those; ``how`` is the line that declares one, in the words of the framework.
    """

    def __init__(self, routes: Iterable[Route], how: str) -> None:
        self.routes = tuple(routes)
        listed = "".join(f"\n    {route}" for route in self.routes)
        ways = _openings(route.template for route in self.routes)
        super().__init__(
            f"{len(self.routes)} of this app's routes do not say what they demand of tokens:"
            f"{listed}\nWrite for each  {how}\n"
            "or, where no token is needed,  guarded.open  in its place\n"
            "or, where the route was made by the framework,  "
            f"guarded.open_paths({', '.join(ways)})"
        )


class OpenPaths(Struct, frozen=True):
    """Paths that need no token: whole ones, and beginnings that end in ``/``."""

    whole: frozenset[str] = frozenset()
    below: tuple[str, ...] = ()

    def with_further(self, paths: Iterable[str]) -> "OpenPaths":
        """Open more. One that ends in ``/`` opens all below it, ``/`` opens the root page alone.

        Raises:
            ValueError: where one is no path as a request would have it.
        """
        demand_several(paths, "open paths")
        paths = tuple(paths)
        for path in paths:
            if not path.startswith("/") or any(each in path for each in (*_AMBIGUOUS, "%", "?")):
                raise ValueError(f"{path!r} is no path to open: write one such as '/health'")
        below = {path for path in paths if path.endswith("/") and path != "/"}
        return OpenPaths(
            self.whole | (frozenset(paths) - below), tuple(sorted({*self.below, *below}))
        )

    def has(self, path: str) -> bool:
        """Whether a request to this path, decoded and as the app routes it, needs no token."""
        if path in self.whole:
            return True
        if not self.below or any(each in path for each in _AMBIGUOUS):
            return False
        return path.startswith(self.below)

    def covers(self, template: str) -> bool:
        """Whether whatever a route of this template can match is open."""
        literal = _literal_of(template)
        return self.has(literal) if literal == template else literal.startswith(self.below or "\0")


class Declaring:
    """What every framework's ``Guarded`` shares: which paths are open, how a token is spent."""

    gate: Gate

    def __init__(self) -> None:
        self._open = OpenPaths()

    def open_paths(self, *paths: str) -> None:
        """Declare open what others made, such as ``/static/``; what is guarded stays so.

        One that ends in ``/`` opens all below it, but ``/`` opens the root page alone.

        Raises:
            ValueError: where one is no path as a request would have it.
        """
        self._open = self._open.with_further(paths)

    async def spend(self, token: Token, act: Act, key: str = "") -> None:
        """Demand that the token's limits let it do this, and count it, before it is done (S15).

        ``key`` names the transaction in the app's own books: under it, it is counted once. See
        :meth:`counterfoil.guard.spending.Spender.act`.

        Raises:
            Rejected: ``beyond_limit``, or ``uncounted``.
        """
        await self.gate.guard.uses.act(token, act, key)

    def spend_blocking(self, token: Token, act: Act, key: str = "") -> None:
        """Do as :meth:`spend`, for code that has no event loop."""
        self.gate.guard.uses.act_blocking(token, act, key)


def deny_undeclared(route: Route, path: str, opened: OpenPaths, how: str) -> None:
    """Deny a request to a route that declares nothing, unless its path is open.

    Args:
        route: what the framework has chosen.
        path: that of the request, decoded, as the app routes it.
        opened: the open paths.
        how: as in `Undeclared`.

    Raises:
        Undeclared: where it should not be there.
        Rejected: ``missing`` where it is open, but the path could be read as another.
    """
    if opened.has(path):
        return
    if opened.below and path.startswith(opened.below):
        raise Rejected(Reason.MISSING, detail="the path can be read in two ways")
    raise Undeclared([route], how)


def declare(view: View, declared: Declared) -> View:
    """Write on a view what it declares."""
    setattr(view, _MARK, declared)
    return view


def declare_open(view: View) -> View:
    """Declare that a view needs no token.

    Raises:
        TypeError: where it is no view, or has declared something already.
    """
    if not callable(view):
        raise TypeError(f"{view!r} is no view: write @guarded.open above one, without parentheses")
    if declared_of(view) is not None:
        raise TypeError(f"{name_of(view)} declares already what it demands: it cannot be open too")
    return declare(view, OPEN)


def declared_of(view: object) -> Declared | None:
    """Read what a view declares; ``None`` where it declares nothing."""
    while isinstance(view, partial):
        view = view.func
    # A class that inherits may do something else: it declares for itself.
    declared = vars(view).get(_MARK) if isinstance(view, type) else getattr(view, _MARK, None)
    return declared if isinstance(declared, Declared) else None


def name_of(view: object) -> str:
    """Name a view for a message to its developer."""
    while isinstance(view, partial):
        view = view.func
    name = getattr(view, "__qualname__", "") or type(view).__qualname__
    return f"{getattr(view, '__module__', '')}.{name}".lstrip(".")


def _literal_of(template: str) -> str:
    at = min((at for each in _PARAMETERS if (at := template.find(each)) >= 0), default=None)
    return template if at is None else template[:at]


def _openings(templates: Iterable[str]) -> list[str]:
    """The paths that would open these routes, as a developer writes them: none within another."""
    every = dict.fromkeys(map(_opening, templates))
    return [f'"{path}"' for path in every if not any(_lies_below(path, each) for each in every)]


def _opening(template: str) -> str:
    literal = _literal_of(template)
    return literal if literal == template else literal.rpartition("/")[0] + "/"


def _lies_below(path: str, beginning: str) -> bool:
    is_beginning = beginning.endswith("/") and beginning != "/"
    return is_beginning and path != beginning and path.startswith(beginning)
