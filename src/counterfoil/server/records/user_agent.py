"""How a browser names itself: a hint for people, nothing more. Pure."""

from typing import Final

_BROWSERS: Final = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
    ("python", "Python"),
    ("node", "Node.js"),
)
_SYSTEMS: Final = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Macintosh", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser_in(user_agent: str) -> str:
    """Name the browser; empty where it is not known."""
    return next((name for mark, name in _BROWSERS if mark in user_agent), "")


def system_in(user_agent: str) -> str:
    """Name the system below it; empty where it is not known."""
    return next((name for mark, name in _SYSTEMS if mark in user_agent), "")


def named_in(user_agent: str) -> str:
    """Name both in words of no language, such as ``Firefox, Linux``; ``?``: neither is known."""
    names = browser_in(user_agent), system_in(user_agent)
    return ", ".join(name for name in names if name) or "?"
