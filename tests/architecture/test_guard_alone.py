"""What `pip install counterfoil` gives: the guard and the client, and nothing of the server."""

import json
import re
import subprocess
import sys
from importlib import metadata

import pytest
from packaging.requirements import Requirement

from counterfoil.jose.keys import PrivateKey

IMPORT_ALONE = """
import importlib, json, sys

allowed = set(json.loads(sys.argv[2])) | sys.stdlib_module_names | {"counterfoil"}

class Wall:
    def find_spec(self, name, path=None, target=None):
        top, *below = name.split(".")
        server = top == "counterfoil" and below[:1] in (["server"], ["cli"])
        if top not in allowed or server:
            raise ImportError(f"{name} is not part of the bare package")

sys.meta_path.insert(0, Wall())
importlib.import_module(sys.argv[1])
print("imported", sys.argv[1])
"""


@pytest.mark.parametrize("part", ["counterfoil.guard", "counterfoil.client", "counterfoil.bff"])
def test_a_part_needs_only_the_bare_package(part: str):
    """A fresh interpreter imports it with every other library, and the server, walled off."""
    modules = json.dumps(sorted(modules_of(distributions_below("counterfoil"))))
    command = [sys.executable, "-c", IMPORT_ALONE, part, modules]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.stdout.strip() == f"imported {part}", answer.stderr


def test_a_guard_is_imported_without_what_only_its_use_needs():
    """asyncio comes with the first guard, the HTTP client with the background thread, what opens
    encrypted tokens and reads private keys with the first of those."""
    script = """
import sys
before = set(sys.modules)
import counterfoil.guard
new = {name.partition(".")[0] for name in set(sys.modules) - before}
print(*sorted(new - sys.stdlib_module_names))
print(*sorted(new & {"asyncio", "email", "http", "sqlite3", "ssl"}))
seldom = ("agreement", "encryption_keys", "joserfc_keys", "jwe")
print(*(each for each in seldom if f"counterfoil.jose.{each}" in sys.modules))
print(*(each for each in sys.modules if each.endswith(".primitives.serialization")))
"""
    command = [sys.executable, "-c", script]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    native = {"_cffi_backend", "_openssl"}  # of cryptography
    loaded, *seldom = answer.stdout.splitlines()
    expected = {"counterfoil", "cryptography", "msgspec", "typing_extensions"}
    assert set(loaded.split()) - native <= expected
    assert seldom == ["", "", ""]


def test_the_key_of_an_issuer_is_read_without_joserfc():
    """It takes 8 MB and much of a second; only a private JWK needs it."""
    key = PrivateKey.generate()
    script = f"""
import sys
from counterfoil.jose.keys import KeySet, PrivateKey
print(*KeySet.from_jwks({{"keys": [{key.public.as_jwk()!r}]}}))
print("joserfc" in sys.modules)
PrivateKey.from_jwk({{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA",
    "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}})
print("joserfc" in sys.modules)
"""
    command = [sys.executable, "-c", script]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [key.public.kid, "False", "True"]


def test_the_bare_package_is_small():
    """Starlette, click, apsw and their like come with the extras alone."""
    wanted = {canonical(Requirement(line).name) for line in bare_requirements("counterfoil")}
    assert wanted == {"cryptography", "httpx2", "joserfc", "msgspec"}
    assert len(distributions_below("counterfoil")) == 12, "the README says how many there are"


def distributions_below(distribution: str) -> set[str]:
    found: set[str] = set()
    waiting = [distribution]
    while waiting:
        for line in bare_requirements(waiting.pop()):
            name = canonical(Requirement(line).name)
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def bare_requirements(distribution: str) -> list[str]:
    lines = metadata.requires(distribution) or []
    markers = [(line, Requirement(line).marker) for line in lines]
    return [line for line, marker in markers if not marker or marker.evaluate({"extra": ""})]


def modules_of(distributions: set[str]) -> set[str]:
    return {
        module
        for module, owners in metadata.packages_distributions().items()
        if distributions & {canonical(owner) for owner in owners}
    }


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
