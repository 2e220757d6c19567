"""One partition: the decisions that its log gives, beside those that were found. Pure."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from handrail.audit.counts import Counted
from handrail.audit.decided import Decided, Key, key_of, partition_of, read
from handrail.audit.difference import Difference, Kind, differing
from handrail.audit.generations import Generations, since_of
from handrail.schemas.signature import unsigned

# Copies come soon after the first one: a worker that was killed decides again what it had not committed. What comes
# later than this is looked up by folding the partition a second time.
KEPT = 5_000
UNREADABLE = "it cannot be read as a decision"
NOTHING_ASKED = "no record of the log asks for it"
NOT_THERE = "the log asks for it, and it is not on the topic"
OTHERWISE = "it is not what the log gives"
OTHER_LIFE = "it says that its conversation began at offset {}, another decision of it says {}"


@dataclass(slots=True)
class Counts(Counted):
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
    """A decision that the fold gives; `answered` when something was found in its place, `seen` when itself was.

    `number` counts the expected ones of the partition. The key is read when it is asked for, for that takes longer than
    finding a decision by its bytes.
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
            self._key = key_of(read(self.value))
            assert self._key is not None, self.value
        return self._key


class Comparison:
    """Decisions go in on both sides: `expect` what the fold gives, `take` what was found, in any order of the two.

    A decision can only be taken when the fold has come to its place. Held are the expected ones that were not found
    yet, and `kept` of those that were. `suspects` were found when what they would be compared with was no longer held:
    `recheck` needs the fold's decisions once more. What lies at or before the offset `lives.start` is not folded, and
    neither are the conversations that `lives` says began there: they are not judged.
    """

    def __init__(self, partition: int, kept: int = KEPT, lives: Generations | None = None) -> None:
        self.partition, self.counts = partition, Counts()
        self._lives = lives or Generations()
        self._cut = self._lives.start >= 0
        self.first: Difference | None = None
        self.suspects: dict[Key, list[Decided]] = {}
        self._kept = kept
        self._numbered = 0
        self._values: dict[bytes, Entry] = {}  # what is held, in the order of the log
        self._keyed: dict[Key, Entry] = {}  # those of them whose key was needed
        self._unkeyed: dict[int, Entry] = {}  # the others, by number
        self._answered: deque[Entry] = deque()
        self._dropped: Entry | None = None  # the last one in the log that is no longer held
        self._highest = -1  # the number of the last one that something was found for

    def expect(self, value: bytes) -> None:
        """The fold gives this decision."""
        assert value not in self._values, value
        entry = Entry(self._numbered, value)
        if self._cut and self._lives.older(entry.key) is not None:
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

    def take(self, found: Decided) -> None:
        """This decision was found, for a record that is folded, or that is not there."""
        event = read(found.value)
        key = key_of(event)
        if event is None or key is None:
            self._differ("foreign", None, found, None, UNREADABLE)
        elif (named := partition_of(event)) != self.partition:
            self._differ("foreign", key, found, event, f"it says that it belongs to partition {named}")
        elif self._cut and self._passed_over(key, event, found):
            return
        elif (entry := self._expected(key)) is not None:
            self._compare(entry, found, event)
        elif self._dropped is not None and key[0] <= self._dropped.key[0]:
            self.suspects.setdefault(key, []).append(found)
        else:
            self._differ("foreign", key, found, event, NOTHING_ASKED)

    def _passed_over(self, key: Key, event: dict[str, Any], found: Decided) -> bool:
        """Whether the conversation began before the part of the log that is folded, so that it cannot be judged."""
        if key[0] <= self._lives.start:
            self.counts.not_judged += 1
            return True
        since = since_of(event)
        if self._lives.note(key, since):  # it came after all the others were asked
            self._forget(key[1])
        began = self._lives.older(key)
        if began is None:
            return False
        if since == began:
            self.counts.not_judged += 1
        else:
            said = "nowhere" if since is None else since
            self._differ("foreign", key, found, event, OTHER_LIFE.format(said, began))
        return True

    def _forget(self, conversation: str) -> None:
        """What is expected of it was folded as if it had begun behind the start."""
        for entry in [entry for entry in self._values.values() if entry.key[1] == conversation]:
            if self._lives.older(entry.key) is not None:
                self._drop(entry)
                self.counts.expected -= 1

    def postpone(self) -> None:
        """A decision was found for a record that came after the end of what is folded."""
        self.counts.not_judged += 1

    def refuse(self, found: Decided) -> None:
        """A decision was found whose record is not on the log."""
        event = read(found.value)
        self._differ("foreign", key_of(event), found, event, NOTHING_ASKED)

    @property
    def waiting(self) -> bool:
        """Whether the last one expected was not found, nor any behind it: a worker may be about to write it."""
        last = next(reversed(self._values.values()), None)
        return last is not None and last.number > self._highest and not last.answered

    def recheck(self, values: Iterable[bytes]) -> None:
        """Compare the suspects with all decisions that the fold gives for their places."""
        for value in values:
            entry = Entry(-1, value, answered=True, seen=True)
            for found in self.suspects.pop(entry.key, ()):
                self._compare(entry, found, read(found.value) or {})
        for key, alone in self.suspects.items():
            for found in alone:
                self._differ("foreign", key, found, read(found.value), NOTHING_ASKED)
        self.suspects = {}

    def end(self) -> None:
        """Nothing more will be found: what is expected and not there is missing."""
        for entry in self._values.values():
            if not entry.answered:
                self._differ("missing", entry.key, None, read(entry.value), NOT_THERE)
        self._values, self._keyed, self._unkeyed = {}, {}, {}

    def _expected(self, key: Key) -> Entry | None:
        """The expected one of that key, while it is held."""
        for entry in self._unkeyed.values():
            assert entry.key not in self._keyed, entry.key
            self._keyed[entry.key] = entry
        self._unkeyed = {}
        return self._keyed.get(key)

    def _compare(self, entry: Entry, found: Decided, event: dict[str, Any]) -> None:
        expected = read(entry.value) or {}
        fields = () if entry.value == found.value else differing(expected, event)
        if fields:
            self._differ("changed", entry.key, found, expected, OTHERWISE, fields)
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
        found: Decided | None,
        event: dict[str, Any] | None,
        why: str,
        fields: tuple[Any, ...] = (),
    ) -> None:
        setattr(self.counts, kind, getattr(self.counts, kind) + 1)
        data = event["data"] if event is not None and key is not None else {}
        one = Difference(
            kind, self.partition, key, found, data.get("decision_id"), data.get("for", {}).get("type"), why, fields
        )
        if self.first is None or one.order < self.first.order:
            self.first = one
