"""Recovery codes: drawn, typed as people type, and kept by a digest of their owner's."""

from types import SimpleNamespace
from typing import Any

import pytest

from counterfoil.server.identity import recovery_codes

KEY = b"k" * 32


def drawn(octets: bytes) -> tuple[str, ...]:
    tx: Any = SimpleNamespace(random=lambda count: octets[:count])
    return recovery_codes.drawn(tx)


def test_each_has_all_of_its_chance():
    """120 bits, of which none is lost: other octets are another code."""
    asked: list[int] = []

    def random(count: int) -> bytes:
        asked.append(count)
        return len(asked).to_bytes(count, "big")

    tx: Any = SimpleNamespace(random=random)
    codes = recovery_codes.drawn(tx)
    assert asked == [15] * 10
    assert len(set(codes)) == 10
    ends = {drawn(bytes(15))[0], drawn(b"\xff" * 15)[0]}
    assert ends == {"-".join(["0" * 6] * 4), "-".join(["Z" * 6] * 4)}
    for bit in range(120):
        assert drawn((1 << bit).to_bytes(15, "big"))[0] != drawn(bytes(15))[0]


def test_it_is_read_as_people_type_it():
    code = drawn(bytes(range(15)))[0]
    letters = code.replace("-", "")
    assert recovery_codes.read(code) == letters
    for typed in (code.lower(), f" {code} ", letters, code.replace("-", " ")):
        assert recovery_codes.read(typed) == letters
    assert recovery_codes.read("o" * 23 + "l") == "0" * 23 + "1"


@pytest.mark.parametrize("typed", ["", "123456", "0" * 23, "0" * 25, "U" * 24, "é" * 24, "ß" * 12])
def test_what_cannot_be_one_is_none(typed: str):
    assert recovery_codes.read(typed) is None


def test_what_is_kept_is_of_one_person_and_one_server():
    digests = {
        recovery_codes.digest_of(key, user_id, letters)
        for key, user_id, letters in (
            (KEY, "ada", "0" * 24),
            (b"l" * 32, "ada", "0" * 24),
            (KEY, "grace", "0" * 24),
            (KEY, "ada", "1" + "0" * 23),
        )
    }
    assert len(digests) == 4
    assert recovery_codes.digests_of(KEY, "ada", ["000000-000000-000000-000000"]) == [
        recovery_codes.digest_of(KEY, "ada", "0" * 24)
    ]
