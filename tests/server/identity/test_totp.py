"""One-time codes by the time: the vectors of the RFCs, and what is taken for a code."""

from urllib.parse import parse_qs, urlsplit

import pytest

from counterfoil.server.identity import totp

SECRET = b"12345678901234567890"
HOTP = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489"


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_rfc6238_appendix_b(now: int, code: str):
    """The RFC shows eight digits; six are the last of them."""
    assert totp.code_at(SECRET, totp.step_at(now)) == code[2:]
    assert totp.step_of(SECRET, code[2:], now) == now // 30


@pytest.mark.parametrize(
    ("count", "code"),
    list(enumerate(HOTP.split())),
)
def test_rfc4226_appendix_d(count: int, code: str):
    assert totp.code_at(SECRET, count) == code


@pytest.mark.parametrize(
    ("off", "known"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_clock_may_be_off_by_one_step(off: int, known: bool):
    code = totp.code_at(SECRET, 1000 + off)
    assert totp.step_of(SECRET, code, 30_000) == (1000 + off if known else None)


@pytest.mark.parametrize(
    "typed",
    ["", "75522", "7552240", "75522a", "\uff17\uff15\uff15\uff12\uff12\uff14", "-75522", " 75522"],
)
def test_what_is_not_spelled_so_is_none(typed: str):
    assert not totp.is_spelled(typed)
    assert totp.step_of(SECRET, typed, 0) is None


def test_the_beginning_of_time_has_no_step_before_it():
    assert totp.step_of(SECRET, "755224", 0) == 0


def test_the_address_says_all_that_an_app_needs():
    parts = urlsplit(totp.address_of(SECRET, "ada & co@example.com", "id.example:8000"))
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path == "/id.example%3A8000:ada%20%26%20co%40example.com"
    query = parse_qs(parts.query)
    assert query["secret"] == ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"]
    assert query["issuer"] == ["id.example:8000"]
