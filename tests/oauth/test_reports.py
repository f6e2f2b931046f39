"""What guards report: well formed or not taken."""

from typing import Any

import msgspec
import pytest

from counterfoil.oauth.reports import (
    MOST_SIGHTINGS,
    Report,
    Sighting,
    WrongReport,
    report_from,
    spelled,
)

NOW = 1_800_000_000
SEEN: dict[str, Any] = {
    "jti": "j" * 22,
    "client_id": "app",
    "expires_at": NOW + 60,
    "place": "192.0.2.7",
    "first": NOW - 9,
    "last": NOW - 3,
    "count": 4,
}
WHOLE: dict[str, Any] = {"audience": "https://notes.example", "sent_at": NOW, "sightings": [SEEN]}


def refusal(changes: dict[str, Any]) -> str:
    with pytest.raises(WrongReport) as refused:
        report_from(msgspec.json.encode(WHOLE | changes))
    return str(refused.value)


def test_a_report_is_read_as_it_was_spelled():
    report = Report("https://notes.example", NOW, (Sighting(**SEEN),), 7)
    assert report_from(spelled(report)) == report
    assert report_from(msgspec.json.encode(WHOLE)).sightings == report.sightings


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"place": "home"}, "no address"),
        ({"place": "2001:DB8::1"}, "no address"),
        ({"place": "fe80::1%eth0"}, "no address"),
        ({"place": "::ffff:192.0.2.7"}, "no address"),
        ({"place": "1" * 46}, "place"),
        ({"place": None}, "place"),
        ({"first": NOW - 2}, "one after the other"),
        ({"last": NOW + 1}, "one after the other"),
        ({"first": -1}, "first"),
        ({"count": 0}, "count"),
        ({"count": 1.5}, "count"),
        ({"last": 2**63}, "last"),
        ({"jti": ""}, "jti"),
        ({"client_id": "x" * 129}, "client_id"),
        ({"token": "eyJ"}, "token"),
    ],
)
def test_what_is_wrong_is_said_with_where_it_stands(change: dict[str, Any], said: str):
    sentence = refusal({"sightings": [SEEN, SEEN | change]})
    assert said in sentence
    assert "$.sightings[1]" in sentence or "$.sightings[...]" in sentence


@pytest.mark.parametrize(
    "change",
    [
        {"sightings": [SEEN] * (MOST_SIGHTINGS + 1)},
        {"sightings": {}},
        {"audience": ""},
        {"sent_at": "now"},
        {"dropped": -1},
        {"more": 1},
    ],
)
def test_a_report_that_is_none_is_refused_whole(change: dict[str, Any]):
    assert refusal(change)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"audience": 1, "audience": 2}', b"\xff"])
def test_what_is_no_object_is_refused(body: bytes):
    with pytest.raises(WrongReport):
        report_from(body)
