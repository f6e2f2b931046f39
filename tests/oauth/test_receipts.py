"""The words of receipts: what guards and the issuer say to each other, spelled and read."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.feed import Position
from counterfoil.oauth.receipts import (
    Acknowledgement,
    Introduction,
    at_least_from,
    introduction_from,
)

NAME = ';name="0123456789abcdef"'
THEN = st.sampled_from(["reject", "accept", "introspect"])


@given(
    then=THEN,
    milliseconds=st.integers(0, 10**12 - 1),
    name=st.from_regex(r"[A-Za-z0-9_-]{16,64}", fullmatch=True),
)
def test_an_introduction_is_read_as_it_was_spelled(then: str, milliseconds: int, name: str):
    introduction = Introduction(then, milliseconds / 1000, name)
    assert introduction_from(str(introduction)) == introduction


@pytest.mark.parametrize("tolerance", [float("inf"), 10.0**9, 999_999_999.9999])
def test_whoever_would_wait_for_ever_is_known_as_a_guard_all_the_same(tolerance: float):
    """Else nobody would wait for the one guard that never grows stale."""
    read = introduction_from(str(Introduction("accept", tolerance, "0123456789abcdef")))
    assert read is not None
    assert read.tolerance == 999_999_999.999


@pytest.mark.parametrize(
    "text",
    [
        "",
        "reject",
        f"reject;tolerance=30{NAME}"[:-1],
        f"refuse;tolerance=30{NAME}",
        f"reject;tolerance={NAME}",
        f"reject; tolerance=30{NAME}",
        f"reject;tolerance=-1{NAME}",
        f"reject;tolerance=1e9{NAME}",
        f"reject;tolerance=inf{NAME}",
        f"reject;tolerance=1234567890{NAME}",
        f"reject;tolerance=٣{NAME}",
        f"reject;tolerance=30{NAME}\n",
        'reject;tolerance=30;name="short"',
        'reject;tolerance=30;name="a name with spaces in it"',
        f'reject;tolerance=30;name="{"n" * 65}"',
    ],
)
def test_what_is_no_introduction_is_none(text: str):
    assert introduction_from(text) is None


def test_a_request_names_one_receipt_or_none():
    assert at_least_from(()) is None
    assert at_least_from(("e:7",)) == Position("e", 7)


@pytest.mark.parametrize("values", [("e:7", "e:8"), ("",), ("7",), ("e:-1",), ("e:07",), ("e:7 ",)])
def test_what_is_no_receipt_is_refused(values: tuple[str, ...]):
    with pytest.raises(ValueError, match="one receipt"):
        at_least_from(values)


@pytest.mark.parametrize(
    "text",
    [
        b"{}", b'{"follower":"f"}', b'{"follower":1,"position":"e:1"}', b"[]", b"",
        b'{"follower":"f","position":"e:1","more":1}',
        b'{"follower":"' + b"f" * 301 + b'","position":"e:1"}',
    ],
)  # fmt: skip
def test_an_acknowledgement_is_read_strictly(text: bytes):
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(text, type=Acknowledgement)
