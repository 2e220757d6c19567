"""Which records of a changelog its owners have written: attested and signed by the owner, on the changelog itself.

A log is only ever appended to, so what an offset holds never changes: a writer whose batch was acknowledged can
attest these offsets for ever. One record attests all that came before, and names the topic by its id: a topic that is
made again begins its offsets anew. What no such record covers is passed over.
"""

from base64 import b64decode, b64encode
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from handrail.schemas.keys import PublicKey, SigningKey

GAPS_MAX = 10_000  # beyond, nothing more is attested: a recovery folds from there

Range = tuple[int, int]
"""The first offset, and the one after the last."""

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
        """With these offsets too; what lies between is another writer's."""
        gaps = (*self.gaps, (self.end, first)) if first > self.end else self.gaps
        return Attested(max(self.end, end), gaps)

    def also(self, other: "Attested") -> "Attested":
        """The union of both."""
        end = max(self.end, other.end)
        return Attested(end, tuple(_intersection(self._open(end), other._open(end))))

    def _open(self, end: int) -> list[Range]:
        """The ranges below `end` that are not covered."""
        return [*self.gaps, (self.end, end)] if end > self.end else [*self.gaps]


def signed(key: SigningKey, topic_id: str, partition: int, attested: Attested) -> bytes:
    """The value of the record; `topic_id` is empty where the broker has none."""
    fields = {
        "topic_id": topic_id,
        "partition": partition,
        "end": attested.end,
        "gaps": attested.gaps,
        "key_id": key.id,
    }
    return orjson.dumps(fields | {"value": b64encode(key.sign(_text(fields))).decode()})


def read(value: bytes | None, topic_id: str, partition: int, keys: Mapping[str, PublicKey]) -> Attested | None:
    """The attestation in a record; None where none of these keys has signed it for this partition of this topic."""
    try:
        fields: dict[str, Any] = orjson.loads(value or b"null")
        key, signature = keys[fields["key_id"]], b64decode(fields.pop("value"), validate=True)
        if (fields["topic_id"], fields["partition"]) != (topic_id, partition) or not key.holds(
            signature, _text(fields)
        ):
            return None
        return Attested(fields["end"], tuple((first, end) for first, end in fields["gaps"]))
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _text(fields: Mapping[str, Any]) -> bytes:
    return _SIGNED + orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)


def _intersection(left: list[Range], right: list[Range]) -> Iterable[Range]:
    """The parts of ranges that lie in both lists."""
    i, j = 0, 0
    while i < len(left) and j < len(right):
        first, end = max(left[i][0], right[j][0]), min(left[i][1], right[j][1])
        if first < end:
            yield first, end
        if left[i][1] < right[j][1]:
            i += 1
        else:
            j += 1
