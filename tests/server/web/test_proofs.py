"""DPoP in HTTP: the header, every time that it is there, and the nonce of the answer."""

from pathlib import Path

import pytest
from starlette.responses import Response

from counterfoil.server.web.proofs import proofs_of, with_nonce
from tests.installation import Installation, installed
from tests.server.web.requests import request

pytestmark = pytest.mark.anyio


def test_every_proof_is_seen():
    """Two are refused later: here none may get lost."""
    assert proofs_of(request()) == ()
    assert proofs_of(request(headers=[(b"dpop", b"a"), (b"dpop", b"b")])) == ("a", "b")


async def test_an_answer_has_a_nonce_where_the_settings_say_so(place: Installation, tmp_path: Path):
    """RFC 9449 §8.2."""
    assert "dpop-nonce" not in with_nonce(place.server, Response()).headers
    async with installed(tmp_path, dpop_nonces="required") as strict:
        assert len(with_nonce(strict.server, Response()).headers["dpop-nonce"]) == 22
