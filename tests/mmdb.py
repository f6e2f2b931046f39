"""Writing small files in the MaxMind DB format 2.0, so that tests know which place is where."""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from struct import pack
from typing import Any

Node = list[Any]
MARK = b"\xab\xcd\xefMaxMind.com"
MAP, TEXT, DOUBLE, NUMBER16, NUMBER32, NUMBER64, LIST = 7, 2, 3, 5, 6, 9, 11
SPECIAL = 7


def city(code: str, country: str, name: str, latitude: float, longitude: float) -> dict[str, Any]:
    """A record as MaxMind and DB-IP nest it."""
    return {
        "country": {"iso_code": code, "names": {"en": country, "de": f"{country} auf Deutsch"}},
        "city": {"names": {"en": name}},
        "location": {"latitude": latitude, "longitude": longitude, "accuracy_radius": 20},
    }


BERLIN = city("DE", "Germany", "Berlin", 52.52, 13.4)
POTSDAM = city("DE", "Germany", "Potsdam", 52.4, 13.06)
SYDNEY = city("AU", "Australia", "Sydney", -33.87, 151.2)
NEW_YORK = city("US", "United States", "New York", 40.7, -74.0)


def write(path: Path, records: Mapping[str, Any], kind: str = "Tests-City") -> Path:
    """Write a file in which these networks have these records."""
    path.write_bytes(content(records, kind))
    return path


def content(records: Mapping[str, Any], kind: str = "Tests-City") -> bytes:
    root: Node = [None, None]
    data = bytearray()
    for text, record in records.items():
        _insert(root, ip_network(text), len(data))
        data += encoded(record)
    nodes = list[Node]()
    _number(root, nodes)
    tree = b"".join(_spelled(child, nodes) for node in nodes for child in node)
    about = {
        "binary_format_major_version": 2,
        "binary_format_minor_version": 0,
        "build_epoch": 1_700_000_000,
        "database_type": kind,
        "description": {"en": "tests"},
        "ip_version": 6,
        "languages": ["en"],
        "node_count": len(nodes),
        "record_size": 24,
    }
    return tree + bytes(16) + bytes(data) + MARK + encoded(about)


def _insert(root: Node, network: IPv4Network | IPv6Network, offset: int) -> None:
    padded = 128 - network.max_prefixlen
    bits = f"{int(network.network_address):0128b}"[: padded + network.prefixlen]
    node = root
    for bit in bits[:-1]:
        child = node[int(bit)]
        if not isinstance(child, list):
            child = node[int(bit)] = [None, None]
        node = child
    node[int(bits[-1])] = offset


def _number(node: Node, nodes: list[Node]) -> None:
    nodes.append(node)
    for child in node:
        if isinstance(child, list):
            _number(child, nodes)


def _spelled(child: Any, nodes: list[Node]) -> bytes:
    if child is None:
        return len(nodes).to_bytes(3, "big")
    if isinstance(child, list):
        return next(i for i, node in enumerate(nodes) if node is child).to_bytes(3, "big")
    return (len(nodes) + 16 + int(child)).to_bytes(3, "big")


def encoded(thing: Any) -> bytes:
    """Spell a value of the data section."""
    if isinstance(thing, dict):
        parts = (encoded(key) + encoded(value) for key, value in thing.items())
        return _head(MAP, len(thing)) + b"".join(parts)
    if isinstance(thing, list):
        return _head(LIST, len(thing)) + b"".join(encoded(each) for each in thing)
    if isinstance(thing, float):
        return _head(DOUBLE, 8) + pack(">d", thing)
    if isinstance(thing, int):
        size = (thing.bit_length() + 7) // 8
        kind = next(k for k, most in ((NUMBER16, 2), (NUMBER32, 4), (NUMBER64, 8)) if size <= most)
        return _head(kind, size) + thing.to_bytes(size, "big")
    text = str(thing).encode()
    return _head(TEXT, len(text)) + text


def _head(kind: int, size: int) -> bytes:
    low, more = (size, b"") if size < 29 else (29, bytes([size - 29]))
    if kind > SPECIAL:
        return bytes([low, kind - SPECIAL]) + more
    return bytes([kind << 5 | low]) + more
