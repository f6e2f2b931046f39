"""Whoever asks for mail is counted, whatever they ask for and however they spell it."""

from pathlib import Path

import pytest

from counterfoil.server.pages.visitor import comes_too_often
from counterfoil.server.records.session import Origin
from tests.installation import installed

pytestmark = pytest.mark.anyio


async def test_an_address_is_counted_in_any_spelling_and_from_anywhere(tmp_path: Path):
    async with installed(tmp_path, recoveries_per_hour=2) as own:
        spelled = ("ada@e.org", "ADA@E.org", "Ada@e.org ")
        origins = (Origin("192.0.2.1"), Origin("192.0.2.2"), Origin("2001:db8::1"))
        found = [
            comes_too_often(own.server, origin, each)
            for origin, each in zip(origins, spelled, strict=True)
        ]
        assert found == [False, False, True]
        assert not comes_too_often(own.server, origins[0], "bob@e.org")
        own.clock.turn(3601)
        assert not comes_too_often(own.server, origins[0], "ada@e.org")
