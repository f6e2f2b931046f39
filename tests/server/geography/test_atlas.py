"""The atlas: what it knows of an address, and what becomes of a file that is bad or another."""

import logging
from pathlib import Path

import pytest

from counterfoil.server.geography.atlas import Atlas, BadAtlas, opened, place_in
from counterfoil.server.records.place import NOWHERE, Place, Point
from tests.mmdb import BERLIN, SYDNEY, content, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "places.mmdb", {"192.0.2.0/24": BERLIN, "2001:db8:7::/48": SYDNEY})


def looked(path: Path | None) -> Atlas:
    atlas = Atlas(path)
    atlas.look()
    return atlas


def replaced(path: Path, content: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(content)
    beside.replace(path)


def test_addresses_have_places(path: Path):
    """S06: of both kinds, and of IPv4 in the clothes of IPv6."""
    atlas = looked(path)
    place = atlas.find("192.0.2.7")
    assert place == Place("DE", "Berlin", "Germany", Point(52.52, 13.4, 20))
    assert place.name == "Berlin, Germany"
    assert atlas.find("::ffff:192.0.2.7") == place
    assert atlas.find("2001:db8:7::1%eth0").city == "Sydney"


@pytest.mark.parametrize("address", ["198.51.100.1", "2001:db8:8::1", "", "testclient", "1.2.3"])
def test_of_others_nothing_is_known(path: Path, address: str):
    assert looked(path).find(address) is NOWHERE


def test_without_a_file_nothing_is_known(caplog: pytest.LogCaptureFixture):
    assert looked(None).find("192.0.2.7") is NOWHERE
    assert not caplog.records


def test_another_file_in_its_place_is_read(path: Path):
    atlas = looked(path)
    replaced(path, content({"192.0.2.0/24": SYDNEY}))
    assert atlas.find("192.0.2.7").city == "Berlin", "nothing is read before it is looked"
    atlas.look()
    assert atlas.find("192.0.2.7").city == "Sydney"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (b"no such format", "no whole file in the MaxMind DB format"),
        (content({"192.0.2.0/24": SYDNEY})[:-40], "no whole file in the MaxMind DB format"),
        (b"", "no whole file in the MaxMind DB format"),
        (content({"192.0.2.0/24": SYDNEY}, "GeoLite2-ASN"), "a file of 'GeoLite2-ASN'"),
    ],
)
def test_a_bad_file_is_told_once_and_changes_nothing(
    path: Path, bad: bytes, message: str, caplog: pytest.LogCaptureFixture
):
    atlas = looked(path)
    replaced(path, bad)
    atlas.look()
    atlas.look()
    assert atlas.find("192.0.2.7").city == "Berlin"
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert message in record.getMessage()
    assert "the file from before stays in use" in record.getMessage()
    with pytest.raises(BadAtlas):
        opened(path)


def test_a_file_that_is_missing_is_told_and_read_once_it_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """A server starts without it: a place is a guess, a sign-in is not."""
    path = tmp_path / "places.mmdb"
    atlas = looked(path)
    atlas.look()
    [record] = caplog.records
    assert str(path) in record.getMessage()
    assert "places are not known" in record.getMessage()
    write(path, {"192.0.2.0/24": BERLIN})
    atlas.look()
    assert atlas.find("192.0.2.7").city == "Berlin"


def test_what_is_damaged_inside_is_nowhere(path: Path):
    """The head is whole, a record is not: nobody's sign-in fails by that."""
    whole = path.read_bytes()
    at = whole.index(b"\x44city")
    replaced(path, whole[:at] + b"\xff\xff\xff\xff\xff" + whole[at + 5 :])
    assert looked(path).find("192.0.2.7") is NOWHERE


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"country_code": "DE"}, Place("DE")),
        ({"country": {"iso_code": "DE"}}, Place("DE")),
        ({"country": "DE"}, Place("DE")),
        (
            {"country_code": "DE", "city": "Berlin", "latitude": 52.5, "longitude": 13.4},
            Place("DE", "Berlin", "", Point(52.5, 13.4)),
        ),
        ({"country_code": "DE", "latitude": 500, "longitude": 1}, Place("DE")),
        ({"country_code": "DE", "location": {"latitude": "north"}}, Place("DE")),
        ({"country_code": "DE", "latitude": 51, "longitude": 9}, Place("DE")),
        (
            {"country_code": "DE", "latitude": 51, "longitude": 9, "accuracy_radius": 200},
            Place("DE", point=Point(51, 9, 200)),
        ),
        ({"country_code": 49, "city": {"names": ["Berlin"]}}, NOWHERE),
        ({"country_code": "D\x1bE"}, NOWHERE),
        (["DE"], NOWHERE),
        (None, NOWHERE),
    ],
)
def test_records_are_read_as_others_write_them(record: object, place: Place):
    """The middle of a country is nobody's place, unless its radius says how little it means."""
    assert place_in(record) == place
