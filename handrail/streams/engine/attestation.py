"""Which records of a changelog rightful writers have written: told and signed by the owner, on the changelog itself.

A log is only ever appended to, so what an offset holds never changes: whoever has seen a batch of theirs acknowledged
can say for ever that these offsets are good. One record says so for all that came before, and names the topic by its
id: a topic that is made again begins its offsets anew. What no such record covers is passed over, whatever it says.
"""

from base64 import b64decode, b64encode
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from handrail.schemas.keys import PublicKey, SigningKey

GAPS_MAX = 10_000  # beyond, nothing more is attested: whoever recovers folds from there

Range = tuple[int, int]
"""The first offset, and the one behind the last."""

_SIGNED = b"handrail.states.v1\n"


@dataclass(frozen=True, slots=True)
class Attested:
    """Every offset below `end` but those in `gaps`, which lie in their order and do not meet."""

    end: int = 0
    gaps: tuple[Range, ...] = ()

    def covers(self, offset: int) -> bool:
        """Whether the record there is good."""
        if offset >= self.end:
            return False
        at = bisect_right(self.gaps, (offset, self.end)) - 1
        return at < 0 or offset >= self.gaps[at][1]

    def then(self, first: int, end: int) -> "Attested":
        """With these offsets too; what lies between is somebody else's."""
        gaps = (*self.gaps, (self.end, first)) if first > self.end else self.gaps
        return Attested(max(self.end, end), gaps)

    def also(self, other: "Attested") -> "Attested":
        """What one or the other covers."""
        end = max(self.end, other.end)
        mine, theirs = self._open(end), other._open(end)
        return Attested(end, tuple(_common(mine, theirs)))

    def _open(self, end: int) -> list[Range]:
        """What is not covered below `end`."""
        return [*self.gaps, (self.end, end)] if end > self.end else [*self.gaps]


def signed(key: SigningKey, topic_id: str, partition: int, attested: Attested) -> bytes:
    """The value of the record; `topic_id` is empty where the broker tells none."""
    told = {"topic_id": topic_id, "partition": partition, "end": attested.end, "gaps": attested.gaps, "key_id": key.id}
    return orjson.dumps(told | {"value": b64encode(key.sign(_text(told))).decode()})


def read(value: bytes | None, topic_id: str, partition: int, keys: Mapping[str, PublicKey]) -> Attested | None:
    """What a record attests; None where none of these keys has signed it for this partition of this topic."""
    try:
        told: dict[str, Any] = orjson.loads(value or b"null")
        key, signature = keys[told["key_id"]], b64decode(told.pop("value"), validate=True)
        if (told["topic_id"], told["partition"]) != (topic_id, partition) or not key.holds(signature, _text(told)):
            return None
        return Attested(told["end"], tuple((first, end) for first, end in told["gaps"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _text(told: Mapping[str, Any]) -> bytes:
    return _SIGNED + orjson.dumps(told, option=orjson.OPT_SORT_KEYS)


def _common(one: list[Range], other: list[Range]) -> Iterable[Range]:
    """The parts of ranges that lie in both lists."""
    at, beside = 0, 0
    while at < len(one) and beside < len(other):
        first, end = max(one[at][0], other[beside][0]), min(one[at][1], other[beside][1])
        if first < end:
            yield first, end
        if one[at][1] < other[beside][1]:
            at += 1
        else:
            beside += 1
