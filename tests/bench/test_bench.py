"""``python -m bench`` runs to its end and writes numbers under its stable keys."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.plan import GOALS

ROOT = Path(__file__).parents[2]
KEYS = {
    "client_credentials_per_s",
    "client_credentials_registry_per_s",
    "introspection_per_s",
    "refresh_per_s",
    "code_flow_per_s",
    "raw_asgi_per_s",
    "postgres_client_credentials_per_s",
    "postgres_client_credentials_registry_per_s",
    "postgres_introspection_per_s",
    "postgres_refresh_per_s",
    "postgres_code_flow_per_s",
    "postgres_refresh_database_us",
    "guard_warm_us",
    "guard_registry_warm_us",
    "guard_lease_us",
    "guard_ticket_us",
    "guard_signed_ticket_us",
    "guard_cold_us",
    "guard_cold_ratio",
    "guard_encrypted_cold_us",
    "guard_encrypted_warm_us",
    "mint_1000_ms",
    "mint_ratio",
    "revoke_to_refusal_p50_ms",
    "revoke_to_refusal_p99_ms",
    "ready_s",
    "overview_ms",
    "rss_mb",
    "rss_after_mb",
    "es256_sign_us",
    "es256_verify_us",
    "sqlite_commit_us",
    "fan_out_idle_p50_ms",
    "fan_out_idle_p99_ms",
    "fan_out_half_load_p50_ms",
    "fan_out_half_load_p99_ms",
    "fan_out_half_load_per_s",
    "guard_rss_snapshot_mb",
    "guard_rss_stream_mb",
    "snapshot_s",
    "catch_up_s",
    "catch_up_beside_all_s",
    "check_at_few_notices_us",
    "check_at_all_notices_us",
    "database_read_us",
    "guard_refusal_ratio",
    "verifier_guard_cold_us",
    "verifier_handwritten_cold_us",
    "verifier_pyjwt_cold_us",
    "verifier_joserfc_cold_us",
    "verifier_authlib_cold_us",
}

pytestmark = pytest.mark.wrk


def test_a_quick_run_checks_every_answer_and_writes_every_number(tmp_path: Path) -> None:
    """Every answer of every operation is right, or the run ends without numbers.

    S91: a check stands beside a point read of the database, and a cold one beside introspection.
    """
    output = tmp_path / "latest.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--output", str(output)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(output.read_text())
    assert results.keys() >= KEYS
    assert {goal.key for goal in GOALS} <= results.keys()
    assert all(
        isinstance(value, float | int) and value > 0
        for name, value in results.items()
        if name in KEYS
    )
    assert "access_token_lifetime" in done.stdout
    assert results["guard_cold_us"] < results["introspection_p50_ms"] * 1000, "S91: local is faster"
    assert results["check_at_all_notices_us"] < results["introspection_p50_ms"] * 1000
    assert results["verifier_guard_accepts_revoked"] == 0, "S37"
    assert results["verifier_pyjwt_accepts_revoked"] == 1, "who does not follow cannot know"
