"""One partition: the decisions that its log gives, compared with those on the topic. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from handrail.audit.beginning import Generations, since_of
from handrail.audit.decision_records import Counts, DecisionRecord, Key, key_of, parse_event, partition_of
from handrail.schemas.signature import unsigned

Kind = Literal["missing", "changed", "foreign"]
IGNORED = ("data.signature",)  # added after the fold
FIRST = ("data.verdict", "data.route", "data.decision_id")  # what a person looks for first
FIELDS_MAX = 20
# Copies come soon after the first one: a worker that was killed decides again what it had not committed. What comes
# later than this is looked up by folding the partition a second time.
ANSWERED_MAX = 5_000
UNREADABLE = "it cannot be read as a decision"
NOTHING_ASKED = "no record of the log asks for it"
NOT_THERE = "the log asks for it, and it is not on the topic"
OTHERWISE = "it is not what the log gives"
OTHER_GENERATION = "it says that its conversation began at offset {}, another decision of it says {}"


class Absent(Enum):
    """A field that is not there. (A value that is one and the same in every process.)"""

    ABSENT = "absent"


ABSENT = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field that differs; ABSENT stands for a field that is not there."""

    name: str
    expected: Any
    actual: Any


@dataclass(frozen=True, slots=True)
class Difference:
    """One decision that is missing, changed, or there without the log asking for it.

    `key` says what it answers (None: unreadable), `decision` is the record on the topic (None: missing), `event_type`
    the type of the event it answers. `why` is a sentence.
    """

    kind: Kind
    partition: int
    key: Key | None
    decision: DecisionRecord | None
    decision_id: str | None
    event_type: str | None
    why: str
    fields: tuple[FieldDifference, ...] = ()

    @property
    def order(self) -> tuple[int, float, int]:
        """Sort key: partition, offset of the event, offset of the decision."""
        place = float("inf") if self.key is None else self.key[0]
        return self.partition, place, self.decision.offset if self.decision else -1


def differing(expected: dict[str, Any], actual: dict[str, Any]) -> tuple[FieldDifference, ...]:
    """Every field that differs, verdict and route first; at most FIELDS_MAX."""
    fields = sorted(_walk("", expected, actual), key=_rank)
    return tuple(fields[:FIELDS_MAX])


def _rank(field: FieldDifference) -> int:
    return FIRST.index(field.name) if field.name in FIRST else len(FIRST)


def _walk(path: str, expected: Any, actual: Any) -> Iterator[FieldDifference]:
    if path in IGNORED:
        return
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in dict.fromkeys((*expected, *actual)):
            child = f"{path}.{name}" if path else name
            yield from _walk(child, expected.get(name, ABSENT), actual.get(name, ABSENT))
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        for number, pair in enumerate(zip(expected, actual, strict=True)):
            yield from _walk(f"{path}[{number}]", *pair)
    elif expected != actual:
        yield FieldDifference(path, expected, actual)


@dataclass(slots=True)
class ComparisonCounts(Counts):
    """What was compared. `found` are the expected ones that are there, `repeats` further identical copies of them."""

    records: int = 0
    expected: int = 0
    found: int = 0
    repeats: int = 0
    missing: int = 0
    changed: int = 0
    foreign: int = 0
    not_judged: int = 0

    @property
    def differences(self) -> int:
        """How many there are."""
        return self.missing + self.changed + self.foreign


@dataclass(slots=True)
class Entry:
    """A decision of the fold; `answered` when there is any decision at its place, `seen` when there is an equal one.

    `number` counts the expected decisions of the partition. The key is parsed on demand: that takes longer than a
    look-up by the bytes.
    """

    number: int
    value: bytes
    answered: bool = False
    seen: bool = False
    _key: Key | None = None

    @property
    def key(self) -> Key:
        """What the decision answers."""
        if self._key is None:
            self._key = key_of(parse_event(self.value))
            assert self._key is not None, self.value
        return self._key


class Comparison:
    """Compares decisions: `expect` takes those of the fold, `take` those on the topic, in any order of the two.

    A decision can only be taken when the fold has come to its place. It holds the expected decisions without an answer
    and the last `answered_max` of the others. `suspects` came when their counterpart was no longer held: `recheck`
    needs the fold's decisions once more. Records up to the offset `generations.start` are not folded, nor are the
    conversations that began there according to `generations`: they are not judged.
    """

    def __init__(
        self, partition: int, answered_max: int = ANSWERED_MAX, generations: Generations | None = None
    ) -> None:
        self.partition, self.counts = partition, ComparisonCounts()
        self._generations = generations or Generations()
        self._cut = self._generations.start >= 0
        self.first: Difference | None = None
        self.suspects: dict[Key, list[DecisionRecord]] = {}
        self._kept = answered_max
        self._numbered = 0
        self._values: dict[bytes, Entry] = {}  # by value, in the order of the log
        self._keyed: dict[Key, Entry] = {}  # those of them whose key was needed
        self._unkeyed: dict[int, Entry] = {}  # the others, by number
        self._answered: deque[Entry] = deque()
        self._dropped: Entry | None = None  # the last one in the log that was dropped
        self._highest = -1  # the number of the last one that something was found for

    def expect(self, value: bytes) -> None:
        """The fold gives this decision."""
        assert value not in self._values, value
        entry = Entry(self._numbered, value)
        if self._cut and self._generations.older(entry.key) is not None:
            return
        self._numbered += 1
        self.counts.expected += 1
        self._values[value] = self._unkeyed[entry.number] = entry

    def settle(self, value: bytes | None) -> bool:
        """Take a decision that is to the byte one that is expected; False where it is not, and has to be looked at.

        Its signature, which comes after the fold, is left out.
        """
        if value is None or (entry := self._values.get(unsigned(value))) is None:
            return False
        self._same(entry)
        return True

    def take(self, decision: DecisionRecord) -> None:
        """Compare a decision of the topic whose record is folded, or is not on the log."""
        event = parse_event(decision.value)
        key = key_of(event)
        if event is None or key is None:
            self._differ("foreign", None, decision, None, UNREADABLE)
        elif (partition := partition_of(event)) != self.partition:
            self._differ("foreign", key, decision, event, f"it says that it belongs to partition {partition}")
        elif self._cut and self._passed_over(key, event, decision):
            return
        elif (entry := self._expected(key)) is not None:
            self._compare(entry, decision, event)
        elif self._dropped is not None and key[0] <= self._dropped.key[0]:
            self.suspects.setdefault(key, []).append(decision)
        else:
            self._differ("foreign", key, decision, event, NOTHING_ASKED)

    def _passed_over(self, key: Key, event: dict[str, Any], decision: DecisionRecord) -> bool:
        """Whether the conversation began before the part of the log that is folded, so that it cannot be judged."""
        if key[0] <= self._generations.start:
            self.counts.not_judged += 1
            return True
        since = since_of(event)
        if self._generations.note(key, since):  # it came after all the others were asked
            self._forget(key[1])
        began = self._generations.older(key)
        if began is None:
            return False
        if since == began:
            self.counts.not_judged += 1
        else:
            claimed = "nowhere" if since is None else since
            self._differ("foreign", key, decision, event, OTHER_GENERATION.format(claimed, began))
        return True

    def _forget(self, conversation: str) -> None:
        """Drop its expected decisions: they were folded as if the conversation had begun after the start."""
        for entry in [entry for entry in self._values.values() if entry.key[1] == conversation]:
            if self._generations.older(entry.key) is not None:
                self._drop(entry)
                self.counts.expected -= 1

    def postpone(self) -> None:
        """Count a decision whose record comes after the end of the fold as not judged."""
        self.counts.not_judged += 1

    def refuse(self, decision: DecisionRecord) -> None:
        """Count a decision whose record is not on the log as foreign."""
        event = parse_event(decision.value)
        self._differ("foreign", key_of(event), decision, event, NOTHING_ASKED)

    @property
    def waiting(self) -> bool:
        """Whether the last expected decision has no answer, nor any after it: a worker may be about to write it."""
        last = next(reversed(self._values.values()), None)
        return last is not None and last.number > self._highest and not last.answered

    def recheck(self, values: Iterable[bytes]) -> None:
        """Compare the suspects with all decisions that the fold gives for their places."""
        for value in values:
            entry = Entry(-1, value, answered=True, seen=True)
            for decision in self.suspects.pop(entry.key, ()):
                self._compare(entry, decision, parse_event(decision.value) or {})
        for key, decisions in self.suspects.items():
            for decision in decisions:
                self._differ("foreign", key, decision, parse_event(decision.value), NOTHING_ASKED)
        self.suspects = {}

    def end(self) -> None:
        """Count the expected decisions without an answer as missing."""
        for entry in self._values.values():
            if not entry.answered:
                self._differ("missing", entry.key, None, parse_event(entry.value), NOT_THERE)
        self._values, self._keyed, self._unkeyed = {}, {}, {}

    def _expected(self, key: Key) -> Entry | None:
        """The expected decision of that key, unless it was dropped."""
        for entry in self._unkeyed.values():
            assert entry.key not in self._keyed, entry.key
            self._keyed[entry.key] = entry
        self._unkeyed = {}
        return self._keyed.get(key)

    def _compare(self, entry: Entry, decision: DecisionRecord, event: dict[str, Any]) -> None:
        expected = parse_event(entry.value) or {}
        fields = () if entry.value == decision.value else differing(expected, event)
        if fields:
            self._differ("changed", entry.key, decision, expected, OTHERWISE, fields)
            self._answer(entry)
        else:
            self._same(entry)

    def _same(self, entry: Entry) -> None:
        if entry.seen:
            self.counts.repeats += 1
        else:
            self.counts.found += 1
            entry.seen = True
        self._answer(entry)

    def _answer(self, entry: Entry) -> None:
        self._highest = max(self._highest, entry.number)
        if not entry.answered:
            entry.answered = True
            self._keep(entry)

    def _keep(self, entry: Entry) -> None:
        self._answered.append(entry)
        if len(self._answered) > self._kept:
            oldest = self._answered.popleft()
            self._drop(oldest)
            if self._dropped is None or self._dropped.number < oldest.number:
                self._dropped = oldest

    def _drop(self, entry: Entry) -> None:
        if self._values.pop(entry.value, None) is None:  # its conversation turned out to be older than the fold
            return
        if self._unkeyed.pop(entry.number, None) is None:
            del self._keyed[entry.key]

    def _differ(
        self,
        kind: Kind,
        key: Key | None,
        decision: DecisionRecord | None,
        event: dict[str, Any] | None,
        why: str,
        fields: tuple[Any, ...] = (),
    ) -> None:
        setattr(self.counts, kind, getattr(self.counts, kind) + 1)
        data = event["data"] if event is not None and key is not None else {}
        difference = Difference(
            kind, self.partition, key, decision, data.get("decision_id"), data.get("for", {}).get("type"), why, fields
        )
        if self.first is None or difference.order < self.first.order:
            self.first = difference
