"""The human tier as the log tells it: every handoff, who claimed it, what was answered, how it ended. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from handrail.schemas.clock import to_ms
from handrail.schemas.decode import decode_output, decode_resolution
from handrail.schemas.errors import HandrailError, SchemaError
from handrail.schemas.handoff_revision import applied
from handrail.schemas.identity import identity
from handrail.schemas.topics import HANDOFFS

HANDOFF = "handrail.handoff.v1"
CLOSED = "handrail.handoff.closed.v1"
CLAIMED = "handrail.handoff.claimed.v1"
RESOLUTION = "handrail.resolution.v1"
PRIORITIES = ("urgent", "high", "normal", "low")
# What only a person who opens the handoff reads; most of a record is this.
LONG = frozenset({"attempts", "transcript", "said_to_customer", "reasons", "customer", "contact"})
SHORT: dict[str, Any] = {"attempts": [], "transcript": [], "said_to_customer": []}  # where it is not kept whole
SHORTEST = 10  # characters of an id as it is shown, at least
SHOWN_IDS = 5


class NoSuchHandoff(HandrailError):
    """No handoff, or more than one, goes by that id."""


@dataclass(frozen=True, slots=True)
class HandoffCase:
    """One handoff: `record` is how it stands after its newest revision, without the LONG fields where the board does
    not keep them.

    `claim` is the latest one, `answers` are all resolutions in their order, `closed` says how it ended. `actions` are
    the digests of the pending action in all revisions: there should be one.
    """

    record: dict[str, Any]
    actions: tuple[str, ...]
    claim: dict[str, Any] | None
    answers: tuple[dict[str, Any], ...]
    closed: dict[str, Any] | None

    @property
    def id(self) -> str:
        """The handoff's id in full."""
        return str(self.record["handoff_id"])

    @property
    def conversation_id(self) -> str:
        """The conversation it is about; the key of every answer."""
        return str(self.record["conversation_id"])

    @property
    def kind(self) -> str:
        """`route`, `approval` or `escalation`."""
        return str(self.record["kind"])

    @property
    def pending(self) -> dict[str, Any] | None:
        """The action that waits, with its `action_digest`; None unless this is an approval."""
        found: dict[str, Any] | None = self.record["pending"]
        return found

    @property
    def claimed_by(self) -> str | None:
        """The id of the person who works on it."""
        return str(self.claim["by"]["id"]) if self.claim else None

    @property
    def due_ms(self) -> int | None:
        """When a person should have answered, in milliseconds since 1970-01-01 UTC; an approval then expires."""
        return to_ms(self.record["due_at"]) if self.record["due_at"] else None

    @property
    def approved_by(self) -> list[str]:
        """The ids of those who have approved it so far, each person once."""
        counted = list((self.record["approvals"] or {}).get("by", ()))
        digest = (self.pending or {}).get("action_digest")
        told = [
            answer["by"]["id"]
            for answer in self.answers
            if answer["outcome"] == "approved"
            and answer.get("action_digest", digest) == digest
            and self.is_current(answer)
        ]
        return list({identity(one): one for one in reversed(counted + told)}.values())[::-1]

    @property
    def approvals_needed(self) -> int:
        """How many people must approve; 0 unless this is an approval."""
        return int((self.record["approvals"] or {}).get("needed", 0))

    def is_current(self, answer: dict[str, Any]) -> bool:
        """Whether who answered so had seen what counts now: all but an approval always counts."""
        return answer["outcome"] != "approved" or (answer.get("revision") or 1) >= self.revision_min

    @property
    def revision_min(self) -> int:
        """An approval of an earlier revision releases nothing."""
        return int(self.record["revision_min"])

    @property
    def news(self) -> list[dict[str, Any]]:
        """What happened in the conversation since it was opened, in short."""
        found: list[dict[str, Any]] = self.record["news"]
        return found

    @property
    def halted(self) -> bool:
        """Whether the conversation was halted, which no answer undoes."""
        return bool(self.record["reason"]["action"] == "halt")


class Board:
    """All handoffs, from the records of `human.handoffs.v1` and `human.resolutions.v1` in any order of the topics.

    Kept whole are the handoffs whose id begins with `whole`, and those of the conversation of that id; of the others
    only what a list shows, for a handoff may have 900 kB. `unreadable` names the records that are not of the contract.
    """

    def __init__(self, whole: str | None = None) -> None:
        self._whole = whole
        self._records: dict[str, dict[str, Any]] = {}
        self._actions: dict[str, tuple[str, ...]] = {}
        self._closed: dict[str, dict[str, Any]] = {}
        self._told: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}  # (conversation, type, data)
        self.unreadable: list[str] = []

    def take(self, topic: str, key: bytes | None, value: bytes | None, place: str) -> None:
        """One record of either topic; `place` is where it lies, for people."""
        try:
            raw = (decode_output if topic == HANDOFFS else decode_resolution)(value).raw
        except SchemaError as error:
            self.unreadable.append(f"{place}: {error}")
            return
        if raw["type"] == HANDOFF:
            self._revision(raw["data"])
        elif raw["type"] == CLOSED:
            self._closed[raw["data"]["handoff_id"]] = raw["data"]
        elif key == raw["subject"].encode():  # a worker refuses the others
            told = self._told.setdefault(raw["data"]["handoff_id"], [])
            told.append((raw["subject"], raw["type"], raw["data"]))

    def _revision(self, data: dict[str, Any]) -> None:
        name, known = data["handoff_id"], self._records.get(data["handoff_id"])
        if digest := (data.get("pending") or {}).get("action_digest"):
            self._actions[name] = tuple(dict.fromkeys((*self._actions.get(name, ()), digest)))
        if known is None and data.get("since") is not None:
            return  # the revisions before it have left the log
        if known is not None and known["revision"] > data["revision"]:
            return
        whole = self._whole is not None and (name.startswith(self._whole) or data["conversation_id"] == self._whole)
        stands = data if known is None else applied({**SHORT, **known}, data)
        self._records[name] = stands if whole else {key: value for key, value in stands.items() if key not in LONG}

    def cases(self) -> Iterator[HandoffCase]:
        """Every handoff, the most urgent first: by priority, then by due time."""
        return iter(sorted(map(self._case, self._records), key=_urgency))

    def case(self, named: str) -> HandoffCase:
        """The handoff whose id begins so, or the open one of the conversation of that id. Raises NoSuchHandoff."""
        found = [named] if named in self._records else [name for name in self._records if name.startswith(named)]
        what = "handoffs begin so: give more of it"
        if not found:
            found = [name for name, record in self._records.items() if record["conversation_id"] == named]
            found = [name for name in found if name not in self._closed] or found
            what = "handoffs of this conversation: give the id of one"
        if len(found) == 1 and named:
            return self._case(found[0])
        if not found or not named:
            raise NoSuchHandoff(f"{named or 'an empty id'}: no such handoff: see `handrail handoffs list --all`")
        shown = ", ".join(sorted(found)[:SHOWN_IDS]) + (" …" if len(found) > SHOWN_IDS else "")
        raise NoSuchHandoff(f"{named}: {len(found)} {what}: {shown}")

    def short(self) -> int:
        """How many characters tell all ids apart."""
        names = sorted(self._records)
        shared = (_shared(one, other) for one, other in pairwise(names))
        return max([SHORTEST, *(count + 1 for count in shared)])

    def _case(self, name: str) -> HandoffCase:
        record = self._records[name]
        told = [
            (kind, data) for subject, kind, data in self._told.get(name, ()) if subject == record["conversation_id"]
        ]
        claims = [data for kind, data in told if kind == CLAIMED]
        answers = tuple(data for kind, data in told if kind == RESOLUTION)
        claim = claims[-1] if claims else None
        return HandoffCase(record, self._actions.get(name, ()), claim, answers, self._closed.get(name))


def _urgency(case: HandoffCase) -> tuple[int, float, str]:
    priority = case.record["priority"]
    rank = PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES)
    return rank, float("inf") if case.due_ms is None else case.due_ms, case.id


def _shared(one: str, other: str) -> int:
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
