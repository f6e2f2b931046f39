"""One line on two axes, as SVG: enough to see whether something grows."""

import html
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

_WIDTH: Final = 720
_HEIGHT: Final = 320
_LEFT: Final = 64
_BOTTOM: Final = 48
_TOP: Final = 40
_RIGHT: Final = 24


class Line(Struct, frozen=True):
    """A name, and points from left to right."""

    name: str
    points: list[tuple[float, float]]


class _Axes(Struct, frozen=True):
    """From numbers to places in the picture. Both axes begin at nought: growth cannot hide."""

    most_x: float
    most_y: float

    def place(self, x: float, y: float) -> tuple[float, float]:
        across = _LEFT + (_WIDTH - _LEFT - _RIGHT) * x / self.most_x
        up = _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * y / self.most_y
        return round(across, 1), round(up, 1)


def chart(line: Line, below: str) -> str:
    """Draw a line; ``below`` names what goes across."""
    most_x = max(x for x, _ in line.points) or 1.0
    most_y = _round_up(max(y for _, y in line.points))
    axes = _Axes(most_x, most_y)
    drawn = " ".join(f"{x},{y}" for x, y in (axes.place(*point) for point in line.points))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        *_grid(axes),
        f'<polyline points="{drawn}" fill="none" stroke="#0b5c4a" stroke-width="2.5"/>',
        _text(_LEFT, 22, line.name),
        _text(_LEFT, _HEIGHT - 10, below),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(axes: _Axes) -> Iterable[str]:
    for step in range(5):
        x, y = axes.most_x * step / 4, axes.most_y * step / 4
        left, up = axes.place(0, y)
        right, _ = axes.place(axes.most_x, y)
        yield f'<path d="M{left} {up}H{right}" stroke="#ccc"/>'
        yield _text(left - 8, up + 4, f"{y:g}", "end")
        across, bottom = axes.place(x, 0)
        yield _text(across, bottom + 18, f"{x:g}", "middle")


def _text(x: float, y: float, words: str, anchor: str = "start") -> str:
    said = html.escape(words)
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="#222">{said}</text>'


def _round_up(number: float) -> float:
    step = 0.1
    while step * 10 < number:
        step *= 10
    return next(step * times for times in (1, 2, 4, 6, 8, 10) if step * times >= number)
