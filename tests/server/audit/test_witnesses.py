"""Signed heads as witnesses: only ours, whoever kept them, in whatever file (S111)."""

import json
from typing import Any

import msgspec
import pytest

from counterfoil.jose import jwt
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.feed import HEAD_TYPE, Head
from counterfoil.oauth.snapshot import SNAPSHOT_TYPE
from counterfoil.server.audit.walk import Witness
from counterfoil.server.audit.witnesses import HeadReader, NoWitness, gathered, heads_in
from counterfoil.server.records.audit import FeedKey, Point

ISSUER = "https://id.example"
KEY, OTHER = PrivateKey.generate("ES256"), PrivateKey.generate("EdDSA")


def kept(key: PrivateKey, *, is_withdrawn: bool = False) -> FeedKey:
    public = msgspec.json.encode(key.public.as_jwk()).decode()
    return FeedKey(key.public.kid, key.public.algorithm.name, public, is_withdrawn)


def signed(key: PrivateKey = KEY, typ: str = HEAD_TYPE, **fields: Any) -> str:
    head = Head(ISSUER, "epoch", 3, "d", 1_800_000_000.5, 42, "digest")
    return jwt.sign(msgspec.structs.replace(head, **fields), key, typ)


def reader(*keys: FeedKey) -> HeadReader:
    return HeadReader(ISSUER, keys or (kept(KEY), kept(OTHER)))


def test_a_head_says_how_far_the_log_reached():
    """S111: also one of a key that signs no more."""
    known_by = "The signed head of 2027-01-15 08:00:00"
    assert reader().witnesses(signed()) == [Witness(Point(42, "digest"), known_by)]
    assert reader().witnesses(f" {signed(OTHER)}\n") == reader().witnesses(signed())


def test_every_head_in_what_the_feed_says_is_found():
    """S111: as curl keeps it, and as one line of it."""
    lines = [f"data: {signed()}", "", "event: notice", "data: {}", f"data:{signed(OTHER)}", ""]
    assert len(heads_in("\r\n".join(["event: head", *lines]))) == 2
    assert heads_in(lines[0]) == [lines[0].removeprefix("data: ")]


def test_every_head_in_a_guards_file_is_found():
    """S111: whatever shape the file has."""
    document = {"feed": {"head": signed(), "tail": [[1, signed(audit_number=43)]]}, "x": [1, None]}
    found = reader().witnesses(json.dumps(document))
    assert sorted(witness.point.number for witness in found) == [42, 43]
    assert len(gathered([found, found])) == 2


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (signed(PrivateKey.generate("ES256")), "no feed key of ours signed"),
        (signed()[:-8] + "AAAAAAAA", "no feed key of ours signed"),
        (signed(iss="https://evil.example"), "another issuer"),
        (signed(audit_digest=""), "says nothing of the audit log"),
        (jwt.sign({"iss": ISSUER}, KEY, HEAD_TYPE), "cannot be read"),
        (signed(typ=SNAPSHOT_TYPE), "holds no signed head"),
        ("", "holds no signed head"),
        ("[" * 100_000, "holds no signed head"),
        ('{"a": "x.y.z"}', "holds no signed head"),
    ],
)
def test_what_proves_nothing_is_refused(given: str, why: str):
    with pytest.raises(NoWitness, match=why):
        reader().witnesses(given)


def test_a_key_that_was_withdrawn_vouches_for_nothing():
    """Whoever stole it could sign any head."""
    with pytest.raises(NoWitness, match="no feed key of ours"):
        reader(kept(KEY, is_withdrawn=True), kept(OTHER)).witnesses(signed())


def test_a_head_among_other_texts():
    assert heads_in(json.dumps(["x", signed(typ=SNAPSHOT_TYPE)])) == []
