"""The settings in words: for the command line and the handbook."""

from counterfoil.server.settings.table import SETTINGS, Settings


def describe(settings: Settings) -> list[dict[str, str]]:
    """Give each setting with its value, in words, for the command line."""
    return [
        {
            "name": row.name,
            "value": _text(getattr(settings, row.name)),
            "default": _text(row.default),
            "unit": row.unit,
            "variable": row.variable,
            "help": row.help,
        }
        for row in SETTINGS.values()
    ]


def as_markdown() -> str:
    """Write the table for the handbook."""
    lines = ["| setting | default | meaning |", "| --- | --- | --- |"]
    for row in SETTINGS.values():
        default = f"`{_text(row.default)}` {row.unit}".strip() if _text(row.default) else "–"
        lines.append(f"| `{row.name}` | {default} | {row.help} |")
    return "\n".join(lines) + "\n"


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
