"""A QR code is drawn as the library has it, module by module, and holds nothing else."""

import re

import segno

from counterfoil.server.pages.qr import drawn

TEXT = "otpauth://totp/id.example:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


def test_every_dark_module_is_drawn_and_no_other():
    code = drawn(TEXT)
    dark = set()
    for x, y, width, back in re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", code.path):
        assert width == back
        dark |= {(int(x) + each, int(y)) for each in range(int(width))}
    rows = list(segno.make(TEXT, error="m", micro=False).matrix_iter(border=4))
    assert code.size == len(rows)
    assert dark == {
        (x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark
    }
    assert re.fullmatch(r"[Mhvz0-9 -]+", code.path)


def test_it_does_not_show_itself():
    assert repr(drawn(TEXT)) == "QrCode(…)"
