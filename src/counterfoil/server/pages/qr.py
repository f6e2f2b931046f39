"""A QR code, as a path that a page draws: the one door to segno (ISO/IEC 18004).

It is loaded with the first code.
"""

from itertools import groupby

from counterfoil.server.pages.factor_views import QrCode

_QUIET = 4
"""Modules of the quiet zone."""


def drawn(text: str) -> QrCode:
    """Draw a text. The path holds numbers and letters of ours alone."""
    import segno

    code = segno.make(text, error="m", micro=False)
    rows = [list(row) for row in code.matrix_iter(border=_QUIET)]
    return QrCode(len(rows), "".join(_run(y, row) for y, row in enumerate(rows)))


def _run(y: int, row: list[int]) -> str:
    """Draw the dark modules of a row, each neighbourhood in one stroke."""
    strokes, x = "", 0
    for dark, modules in groupby(row):
        width = len(list(modules))
        strokes += f"M{x} {y}h{width}v1h-{width}z" if dark else ""
        x += width
    return strokes
