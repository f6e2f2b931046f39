"""Secrets are compared in constant time: shown on the source, for no clock shows it surely."""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import modules

pytestmark = pytest.mark.one_engine("about the source")

SECRET_NAMES = {
    "digest", "fingerprint", "mac", "password", "password_hash", "secret", "csrf", "refresh_token",
    "refresh_digest", "client_secret", "code_verifier", "verifier", "signature", "challenge",
    "code_challenge", "challenge_of", "csrf_token", "_mac", "reveal",
}  # fmt: skip
NOT_FOR_STRANGERS = {
    "guard/registry.py": "digests of tokens name them, and their signature was checked before",
    "guard/notices.py": "the digests of the feed's chain are published",
    "guard/carried.py": "the same",
    "server/audit/walk.py": "the digests of the log's chain stand in the published heads",
    "cli/token_inspection.py": "the operator looks into their own database",
    "server/protocol/registration.py": "records that were just read, compared with each other",
}


def comparisons_in(text: str) -> Iterator[tuple[int, str]]:
    """Every ``==``, ``!=`` and ``in`` with something that is named like a secret on a side."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Compare):
            continue
        sides = [node.left, *node.comparators]
        by_value = isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In | ast.NotIn)
        if not by_value or any(isinstance(side, ast.Constant) for side in sides):
            continue
        if any(name_of(part) in SECRET_NAMES for side in sides for part in parts_of(side)):
            yield node.lineno, ast.unparse(node)


def parts_of(side: ast.expr) -> list[ast.expr]:
    return side.elts if isinstance(side, ast.Tuple | ast.List | ast.Set) else [side]


def name_of(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=function):
            return name_of(function)
        case ast.Subscript(value=value):
            return name_of(value)
    return ""


def test_no_secret_is_compared_with_an_operator() -> None:
    """S104: `==` stops at the first byte that differs, and tells how far a guess was right."""
    found = {
        f"{name}:{line}": text
        for name, source in modules()
        if not any(name.endswith(known) for known in NOT_FOR_STRANGERS)
        for line, text in comparisons_in(source)
    }
    assert found == {}


@pytest.mark.parametrize(
    "module",
    [
        "oauth/pkce.py",
        "oauth/opaque.py",
        "server/web/csrf.py",
        "server/protocol/client_authentication.py",
        "server/protocol/introspection.py",
        "server/protocol/refresh_tokens.py",
        "server/records/family.py",
    ],
)
def test_where_secrets_are_compared_it_takes_the_same_time(module: str) -> None:
    """S104: `hmac.compare_digest` stands in each place where a stranger's secret is judged."""
    source = next(text for name, text in modules() if name.endswith(f"counterfoil/{module}"))
    calls = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "hmac.compare_digest"
    ]
    assert calls


@pytest.mark.parametrize(
    "source",
    [
        "ok = digest == row.digest",
        "ok = row.refresh_digest != shown.digest",
        "ok = secret.reveal() == given",
        "ok = given in (row.password_hash, other)",
        "ok = mac == body[16:]",
        "ok = challenge_of(verifier) == given",
    ],
)
def test_a_careless_comparison_is_noticed(source: str) -> None:
    assert list(comparisons_in(source))


def test_a_comparison_with_nothing_is_fine() -> None:
    assert not list(comparisons_in("ok = digest is None or code_verifier == ''"))
