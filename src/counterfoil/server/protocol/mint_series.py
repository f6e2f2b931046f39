"""What the descriptions of one call come to: those that are alike are decided once (S56, S57)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.oauth.token_description import Batch, Mistake
from counterfoil.server.protocol.identifiers import new_handles
from counterfoil.server.protocol.issuance import Issuance
from counterfoil.server.protocol.mint_decisions import Ground, Read, decide
from counterfoil.server.records.store import Transaction


class Kind(Struct, frozen=True):
    """Descriptions that are alike, letter by letter: what they say, and at which places."""

    read: Read | tuple[Mistake, ...]
    places: Sequence[int]


class Series(Struct, frozen=True):
    """Tokens that differ in their handle alone, and at which places their descriptions stand.

    ``issuance`` is the first of them, ``handles`` are those of the others.
    """

    places: Sequence[int]
    issuance: Issuance
    handles: Sequence[str]

    def each(self) -> Iterator[tuple[int, Issuance]]:
        """Give every token by itself, with its place."""
        yield self.places[0], self.issuance
        for place, handle in zip(self.places[1:], self.handles, strict=True):
            yield place, replace(self.issuance, handle=handle)


class Decisions(Struct, frozen=True):
    """What is to be made of a body; and by their places the mistakes of what is not.

    They are named as if each description stood alone.
    """

    batch: Batch
    series: Sequence[Series]
    wrong: Mapping[int, tuple[Mistake, ...]]

    @property
    def tokens(self) -> int:
        """How many are to be made."""
        return sum(len(each.places) for each in self.series)

    def mistakes_at(self, place: int) -> tuple[Mistake, ...]:
        """Name what is wrong at a place of the body."""
        path = self.batch.path(place)
        return tuple(each.below(path) for each in self.wrong[place])

    def mistakes(self) -> Iterator[Mistake]:
        """Name all that is wrong, in the order of the body."""
        return chain.from_iterable(map(self.mistakes_at, sorted(self.wrong)))


def kinds_of(batch: Batch, read: Mapping[bytes, Read | tuple[Mistake, ...]]) -> list[Kind]:
    """Put the places of a body together by what was read there."""
    places = dict[bytes, list[int]]()
    for place, text in enumerate(batch.texts):
        places.setdefault(text, []).append(place)
    return [Kind(read[text], places[text]) for text in places]


def decide_all(ground: Ground, tx: Transaction, batch: Batch, kinds: Iterable[Kind]) -> Decisions:
    """Decide every kind, or name at each of its places what stands against it."""
    series, wrong = list[Series](), dict[int, tuple[Mistake, ...]]()
    for kind in _told_apart(kinds):
        decided = decide(ground, tx, kind.read) if isinstance(kind.read, Read) else kind.read
        if isinstance(decided, Issuance):
            handles = new_handles(tx, len(kind.places) - 1)
            series.append(Series(kind.places, decided, handles))
            continue
        wrong.update(dict.fromkeys(kind.places, decided))
    return Decisions(batch, series, wrong)


def _told_apart(kinds: Iterable[Kind]) -> Iterator[Kind]:
    """Take those apart whose tokens have more that is their own than a handle."""
    for kind in kinds:
        if isinstance(kind.read, Read) and kind.read.is_of_each:
            yield from (Kind(kind.read, (place,)) for place in kind.places)
        else:
            yield kind
