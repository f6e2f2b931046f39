"""HMAC beside that of the standard library, which takes the key in anew for each message."""

from __future__ import annotations

import hmac

from hypothesis import given
from hypothesis import strategies as st

from counterfoil.jose.mac import Mac


@given(st.binary(min_size=1, max_size=80), st.binary(), st.lists(st.binary(), max_size=4))
def test_each_message_has_the_mac_of_all_of_it_and_of_none_before(
    key: bytes, beginning: bytes, rests: list[bytes]
) -> None:
    mac = Mac(key, beginning)
    for rest in [*rests, *rests]:
        assert mac.of(rest) == hmac.digest(key, beginning + rest, "sha256")
