"""Nothing is invented here: cryptography comes from libraries that others have looked at."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import modules

VETTED = {"argon2", "cryptography", "hashlib", "hmac", "joserfc", "secrets"}
OTHERS = {
    "Crypto",
    "Cryptodome",
    "bcrypt",
    "crypt",
    "ecdsa",
    "jose",
    "jwcrypto",
    "jwt",
    "nacl",
    "passlib",
    "random",
    "rsa",
    "ssl",
}
WEAK = {"md5", "sha1", "ARC4", "DES", "TripleDES", "ECB", "PKCS1v15", "Blowfish", "Fernet"}


def imported(text: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


SOURCES = dict(modules())


def test_only_vetted_libraries_do_cryptography():
    """S90: one library for signatures and sealing, one for passwords, and the standard library."""
    used = {name: imported(text) for name, text in SOURCES.items()}
    assert set().union(*used.values()) >= VETTED
    others = {name: found & OTHERS for name, found in used.items() if found & OTHERS}
    # Lines are encrypted by the standard library, whose contexts nats-py and aiosmtplib are given.
    assert others == {
        "src/counterfoil/net/nats_client.py": {"ssl"},
        "src/counterfoil/server/mail/smtp.py": {"ssl"},
    }


def test_no_primitive_is_made_at_home():
    """S90: no arithmetic of ciphers: neither exclusive or, nor powers modulo a number."""
    home_made = {name: list(arithmetic_in(text)) for name, text in SOURCES.items()}
    assert {name: found for name, found in home_made.items() if found} == {}


def test_no_weak_primitive_is_used():
    """S86, S90: by name, wherever it comes from. (RS256 is RSASSA-PKCS1-v1_5, for signing.)"""
    weak = {name: names_in(text) & WEAK for name, text in SOURCES.items()}
    assert {name: found for name, found in weak.items() if found} == {
        "src/counterfoil/jose/algorithms.py": {"PKCS1v15"},
        # Lists of stolen passwords name them so; nothing of ours rests on it.
        "src/counterfoil/server/identity/breached.py": {"sha1"},
    }


@pytest.mark.parametrize("source", ["a ^ b", "a ^= b", "pow(g, x, p)"])
def test_arithmetic_of_ciphers_is_found(source: str):
    assert list(arithmetic_in(source))


def arithmetic_in(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        exclusive_or = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(
            node.op, ast.BitXor
        )
        if exclusive_or or (isinstance(node, ast.Call) and is_power(node)):
            yield ast.unparse(node)


def is_power(call: ast.Call) -> bool:
    return ast.unparse(call.func) == "pow" and len(call.args) + len(call.keywords) == 3


def names_in(text: str) -> set[str]:
    return {
        node.attr if isinstance(node, ast.Attribute) else node.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute | ast.Name)
    }
