"""What a guard counts, as text that Prometheus reads (its exposition format 0.0.4). Pure.

Labels are reasons, which are a closed list, and the issuers of the configuration. Nothing that
comes with a request, or stands in a token, is ever a label.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from counterfoil.guard.counting import Counts
from counterfoil.guard.health import Health, State
from counterfoil.guard.issuer_state import IssuerState

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX: Final = "counterfoil_guard"
_STATES: Final[tuple[State, ...]] = ("ready", "degraded", "down")


class _Family(Struct, frozen=True):
    """One metric: its name, type and help, and by its labels the values."""

    name: str
    kind: str
    help: str
    samples: Iterable[tuple[Mapping[str, str], float]]

    def __str__(self) -> str:
        name = f"{_PREFIX}_{self.name}"
        head = f"# HELP {name} {self.help}\n# TYPE {name} {self.kind}\n"
        return head + "".join(f"{name}{_labels(each)} {_number(n)}\n" for each, n in self.samples)


def exposition(
    counts: Counts, states: Iterable[IssuerState], health: Health, cached_tokens: int
) -> str:
    """Write everything down."""
    families = (*_of_guard(counts, health, cached_tokens), *_of_issuers(tuple(states), health))
    return "".join(map(str, families))


def _of_guard(counts: Counts, health: Health, cached_tokens: int) -> tuple[_Family, ...]:
    refusals = [({"reason": reason.value}, n.value) for reason, n in counts.refusals.items()]
    checks = [({"cache": "hit"}, counts.hits.value), ({"cache": "miss"}, counts.misses.value)]
    return (
        _Family("up", "gauge", "Whether the guard follows its issuers.", [({}, health.is_alive)]),
        _Family("checks_total", "counter", "Tokens looked at, known ones and others.", checks),
        _Family("refusals_total", "counter", "Requests refused, by reason.", refusals),
        _Family("cached_tokens", "gauge", "Tokens that are remembered.", [({}, cached_tokens)]),
    )


def _of_issuers(states: tuple[IssuerState, ...], health: Health) -> tuple[_Family, ...]:
    named = [({"issuer": each.url}, each) for each in health.issuers]
    return (
        _Family(
            "issuer_state",
            "gauge",
            "1 for the state of an issuer: ready, degraded or down.",
            [({**name, "state": s}, s == each.state) for name, each in named for s in _STATES],
        ),
        _Family(
            "staleness_seconds",
            "gauge",
            "Seconds since the issuer's last signed word.",
            [(name, each.staleness) for name, each in named if each.staleness is not None],
        ),
        _Family(
            "clock_skew_seconds",
            "gauge",
            "Seconds by which the issuer's clock is ahead of this one.",
            [(name, each.skew) for name, each in named if each.skew is not None],
        ),
        _Family(
            "notices",
            "gauge",
            "Endings of tokens that are remembered.",
            [(name, each.notices) for name, each in named],
        ),
        *_counted(states),
    )


def _counted(states: tuple[IssuerState, ...]) -> tuple[_Family, ...]:
    told = [({"issuer": state.issuer.url}, state.counts) for state in states]
    return (
        _Family(
            "feed_connections_total",
            "counter",
            "Connections made to the issuer's feed, the first one too.",
            [(name, counts.lines.value) for name, counts in told],
        ),
        _Family(
            "introspections_total",
            "counter",
            "Questions to the issuer about a token, by what came of them.",
            [
                ({**name, "answer": answer}, counter.value)
                for name, counts in told
                for answer, counter in counts.introspections.items()
            ],
        ),
    )


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
