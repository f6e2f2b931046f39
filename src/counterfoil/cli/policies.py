"""``--policy NAME=VALUE``: what is decided for one client or API, and how it is shown."""

from collections.abc import Callable, Mapping
from typing import Any

import click


def policy_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--policy``, to be read with ``changes_in``."""
    return click.option(
        "--policy",
        "policies",
        multiple=True,
        metavar="NAME=VALUE",
        help="Decide something for it alone; may be repeated. Without a value: as the settings "
        "say.",
    )(command)


def changes_in(policies: tuple[str, ...]) -> Mapping[str, object]:
    """Read ``--policy``. What the names and values may be is asked of the policy itself."""
    changes: dict[str, object] = {}
    for policy in policies:
        name, equals, value = policy.partition("=")
        if not (name and equals):
            raise click.UsageError(f"--policy {policy}: write NAME=VALUE")
        if name in changes:
            raise click.UsageError(f"--policy {name} is given twice")
        changes[name] = value
    return changes


def in_words(policy: Mapping[str, object], undecided: Mapping[str, object]) -> str:
    """Write what was decided, as ``--policy`` takes it."""
    return " ".join(
        f"{name}={_written(value)}"
        for name, value in policy.items()
        if value != undecided.get(name)
    )


def _written(value: object) -> str:
    if isinstance(value, tuple):
        import msgspec

        return msgspec.json.encode(value).decode()
    return str(value).lower() if isinstance(value, bool) else str(value)
