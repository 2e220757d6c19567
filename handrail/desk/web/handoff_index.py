"""Every handoff that the desk knows, from the records of the log; bounded, whatever the log holds."""

from collections import OrderedDict, deque
from typing import Any

from handrail.desk.board import CLOSED, HANDOFF, PRIORITIES
from handrail.desk.outcome import ALERT, DECISION
from handrail.desk.web.handoff_view import UNUSABLE, HandoffView, Place, lean, line, searched
from handrail.desk.web.record_cache import RecordCache
from handrail.schemas.decode import decode_output, decode_resolution
from handrail.schemas.errors import SchemaError
from handrail.schemas.topics import RESOLUTIONS

OPEN_MAX = 20_000
CLOSED_MAX = 2_000  # the ones closed last, for whoever still looks at one
ENDED_MAX = 50_000
EARLY_MAX = 10_000  # claims and answers whose handoff has not been read yet
TOLD_MAX = 50_000  # ids of events that people sent
UNREADABLE_MAX = 20


class HandoffIndex:
    """Open handoffs and the ones closed last; `take` gets each record of the followed topics once.

    `unseen` counts the open handoffs that were let go because there are more than OPEN_MAX: the oldest ones.
    """

    def __init__(self, open_max: int = OPEN_MAX, closed_max: int = CLOSED_MAX) -> None:
        self._open_max, self._closed_max = open_max, closed_max
        self._open: OrderedDict[str, HandoffView] = OrderedDict()
        self._closed: OrderedDict[str, HandoffView] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()  # ids, so that a record delivered twice opens nothing again
        self._early: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()
        self._told: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._by_digest: dict[str, str] = {}
        self.texts = RecordCache()
        self.unreadable: deque[str] = deque(maxlen=UNREADABLE_MAX)
        self.unseen = 0

    def take(self, place: Place, key: bytes | None, value: bytes | None) -> HandoffView | None:
        """One record; gives the handoff that it changed."""
        try:
            raw = (decode_resolution if place[0] == RESOLUTIONS else decode_output)(value).raw
            found = self._taken(raw, place, key, value or b"")
        except UNUSABLE as error:  # whoever may write the topic must not be able to end the desk
            why = str(error) if isinstance(error, SchemaError) else f"{type(error).__name__}: {error}"
            self.unreadable.append(f"{place[0]}[{place[1]}] offset {place[2]}: {why}")
            return None
        if found is not None:
            found.version += 1
        return found

    def get(self, handoff_id: str) -> HandoffView | None:
        """The handoff of that id, open or closed lately."""
        return self._open.get(handoff_id) or self._closed.get(handoff_id)

    def open(self) -> list[HandoffView]:
        """All that wait for a person, the most urgent first: by priority, then by due time."""
        return sorted(self._open.values(), key=_urgency)

    def answer_of(self, event_id: str) -> tuple[str, str] | None:
        """(handoff, person) of the claim or answer with that event id, where it is on the log."""
        return self._told.get(event_id)

    def all(self) -> list[HandoffView]:
        """Open ones, and the ones closed last."""
        return [*self._open.values(), *self._closed.values()]

    def forget(self, held: HandoffView) -> None:
        """Let it go, with all that was said of it; what comes of it later opens nothing again."""
        name: str = held.record["handoff_id"]
        if self._open.pop(name, None) or self._closed.pop(name, None):
            self._forget(held)
            _put(self._ended, name, None, ENDED_MAX)

    def __len__(self) -> int:
        return len(self._open)

    def _taken(self, raw: dict[str, Any], place: Place, key: bytes | None, value: bytes) -> HandoffView | None:
        kind, data = raw["type"], raw["data"]
        if kind == HANDOFF:
            return self._revision(raw, place, value)
        if kind == CLOSED:
            return self._close(raw)
        if kind == DECISION:
            return self._says(self._by_digest.get(data["action_digest"] or ""), raw)
        if kind == ALERT:
            return self._says(str(data["evidence"].get("handoff_id")), raw)
        return self._person(raw) if key == raw["subject"].encode() else None  # a worker refuses the others

    def _revision(self, raw: dict[str, Any], place: Place, value: bytes) -> HandoffView | None:
        data = raw["data"]
        name: str = data["handoff_id"]
        if data.get("since") is not None:
            return self._update(raw, place)
        fresh, held = HandoffView(lean(data), place, searched(data), line(data), place), self.get(name)
        fresh.check()
        if held is None and name in self._ended:
            return None
        if held is None:
            held = self._open[name] = fresh
            for event in self._early.pop(name, ()):
                _tell(held, event)
        elif held.record["revision"] <= data["revision"]:
            self.texts.drop(held.place)
        held.revise(data, place)
        if held.place == place:
            self.texts.put(place, value)
        for digest in held.actions:
            self._by_digest[digest] = name
        held.says(raw)
        if len(self._open) > self._open_max:
            self._forget(self._open.popitem(last=False)[1])
            self.unseen += 1
        return held

    def _update(self, raw: dict[str, Any], place: Place) -> HandoffView | None:
        """What is new in a handoff; of one that is not known, the revision in full has left the log."""
        held = self.get(raw["data"]["handoff_id"])
        if held is not None:
            held.update(raw["data"], place)
            self.texts.update(held.place, raw["data"])
            held.says(raw)
        return held

    def _close(self, raw: dict[str, Any]) -> HandoffView | None:
        name: str = raw["data"]["handoff_id"]
        _put(self._ended, name, None, ENDED_MAX)
        held = self._open.pop(name, None)
        if held is None:
            return None
        held.closed = {**raw["data"], "at": raw["time"]}
        held.says(raw)
        self._closed[name] = held
        if len(self._closed) > self._closed_max:
            self._forget(self._closed.popitem(last=False)[1])
        return held

    def _forget(self, held: HandoffView) -> None:
        self.texts.drop(held.place)
        for digest in held.actions:
            self._by_digest.pop(digest, None)

    def _says(self, name: str | None, raw: dict[str, Any]) -> HandoffView | None:
        held = self.get(name) if name else None
        if held is not None:
            held.says(raw)
        return held

    def _person(self, raw: dict[str, Any]) -> HandoffView | None:
        name: str = raw["data"]["handoff_id"]
        _put(self._told, raw["id"], (name, raw["data"]["by"]["id"]), TOLD_MAX)
        held = self.get(name)
        if held is None:
            _put(self._early, name, [*self._early.get(name, ()), raw][-4:], EARLY_MAX)
            return None
        return held if _tell(held, raw) else None


def _tell(held: HandoffView, event: dict[str, Any]) -> bool:
    """Whether what the person said is of this handoff's conversation."""
    if event["subject"] != held.record["conversation_id"]:
        return False
    held.apply(event)
    return True


def _put(where: OrderedDict[str, Any], name: str, value: Any, most: int) -> None:
    where[name] = value
    while len(where) > most:
        where.popitem(last=False)


def _urgency(held: HandoffView) -> tuple[int, float, str]:
    priority, due_ms = held.record["priority"], held.case.due_ms
    rank = PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES)
    return rank, float("inf") if due_ms is None else due_ms, held.record["handoff_id"]
