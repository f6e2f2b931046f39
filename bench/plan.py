"""How long and how often is measured, and what is to be reached."""

from typing import Final

from msgspec import Struct


class Plan(Struct, frozen=True):
    """The sizes of one run. Each operation is measured ``rounds`` times for ``seconds``."""

    seconds: float = 3.0
    rounds: int = 3
    warm_ups: int = 1
    connections: int = 64
    families: int = 256
    tokens: int = 1000
    revocations: int = 200
    repeats: int = 300
    exams: int = 9
    exam_tokens: int = 40
    overviews: int = 20
    mints: int = 20
    followers: int = 1000
    fan_outs: int = 150
    notices: int = 1_000_000
    offline: int = 36_000


FULL: Final = Plan()
QUICK: Final = Plan(
    seconds=1.0,
    rounds=1,
    warm_ups=0,
    connections=4,
    families=8,
    tokens=40,
    revocations=5,
    repeats=10,
    exams=1,
    exam_tokens=4,
    overviews=2,
    mints=1,
    followers=20,
    fan_outs=2,
    notices=3000,
    offline=600,
)
"""It shows that everything works; its numbers mean nothing."""

FLOOR: Final = 23_000.0
"""Raw ASGI answers a second on the machine that the goals were set for."""


class Goal(Struct, frozen=True):
    """A number to reach. Rates are in proportion to the floor on slower machines."""

    key: str
    value: float
    unit: str
    at_least: bool = False


GOALS: Final = (
    Goal("client_credentials_per_s", 9000, "/s", at_least=True),
    Goal("introspection_per_s", 12_000, "/s", at_least=True),
    Goal("refresh_per_s", 5000, "/s", at_least=True),
    Goal("code_flow_per_s", 1800, "/s", at_least=True),
    Goal("guard_warm_us", 3, "µs"),
    Goal("guard_lease_us", 5, "µs"),
    Goal("guard_ticket_us", 10, "µs"),
    Goal("guard_cold_ratio", 1.15, "×"),
    Goal("guard_refusal_ratio", 1.15, "×"),
    Goal("mint_ratio", 0.8, "×", at_least=True),
    Goal("revoke_to_refusal_p99_ms", 50, "ms"),
    Goal("fan_out_idle_p99_ms", 50, "ms"),
    Goal("fan_out_half_load_p99_ms", 50, "ms"),
    Goal("guard_rss_snapshot_mb", 100, "MB"),
    Goal("guard_rss_stream_mb", 100, "MB"),
    Goal("check_at_all_notices_us", 3, "µs"),
    Goal("rss_mb", 80, "MB"),
    Goal("ready_s", 1, "s"),
    Goal("overview_ms", 200, "ms"),
)
