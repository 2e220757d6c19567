"""All handoffs as their records tell them: one read model for terminal and page, bounded whatever the log has."""

from collections import OrderedDict, deque
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

from handrail.desk import handoff_fold as fold
from handrail.desk.handoff_summary import Keep
from handrail.desk.handoff_view import ALERT, CLOSED, DECISION, HANDOFF, HandoffView, Place
from handrail.desk.record_cache import RecordCache
from handrail.schemas.decode import decode_output, decode_resolution
from handrail.schemas.errors import HandrailError, SchemaError
from handrail.schemas.topics import RESOLUTIONS

EARLY_OF_ONE_MAX = 4  # claims and answers kept for one handoff that has not been read yet
SHORT_ID_MIN = 10  # characters of an id as it is shown
SHOWN_IDS_MAX = 5


class NoSuchHandoff(HandrailError):
    """No handoff, or more than one, goes by that id."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much an index keeps; the oldest goes first."""

    open: int = 20_000
    closed: int = 2_000  # the ones closed last
    ended: int = 50_000  # ids, so that a record delivered twice opens nothing again
    early: int = 10_000  # handoffs that have not been read yet, with their claims and answers
    events: int = 50_000  # ids of events that people sent
    unreadable: int = 20


class HandoffIndex:
    """Open handoffs and the ones closed last; `take` gets each record of the followed topics once.

    `unseen` counts the open handoffs that were let go because there are more than the bound, `past` the closed ones.
    `unreadable` names the last records that are not of the contract. `texts`, where there is one, has handoffs in full.
    """

    def __init__(self, keep: Keep, bounds: Bounds, texts: RecordCache | None = None) -> None:
        self._keep, self._bounds, self._texts = keep, bounds, texts
        self._open: OrderedDict[str, HandoffView] = OrderedDict()
        self._closed: OrderedDict[str, HandoffView] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._early: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()
        self._people: OrderedDict[str, tuple[str, str]] = OrderedDict()
        self._by_digest: dict[str, str] = {}
        self.unreadable: deque[str] = deque(maxlen=bounds.unreadable)
        self.unseen = self.past = 0

    def take(self, place: Place, key: bytes | None, value: bytes | None) -> HandoffView | None:
        """Fold one record; returns the handoff that it changed."""
        try:
            event = (decode_resolution if place[0] == RESOLUTIONS else decode_output)(value).raw
            view = self._folded(event, place, key, value or b"")
        except fold.UNUSABLE as error:  # who may write the topic must not be able to end the reader
            why = str(error) if isinstance(error, SchemaError) else f"{type(error).__name__}: {error}"
            self.unreadable.append(f"{place[0]}[{place[1]}] offset {place[2]}: {why}")
            return None
        return None if view is None else self._put(replace(view, version=view.version + 1))

    def get(self, handoff_id: str) -> HandoffView | None:
        """The handoff of that id, open or closed lately."""
        return self._open.get(handoff_id) or self._closed.get(handoff_id)

    def open(self) -> list[HandoffView]:
        """All that wait for a person, the most urgent first: by priority, then by due time."""
        return sorted(self._open.values(), key=lambda view: view.urgency)

    def all(self) -> list[HandoffView]:
        """Open ones and the ones closed last, the most urgent first."""
        return sorted([*self._open.values(), *self._closed.values()], key=lambda view: view.urgency)

    def find(self, name: str) -> HandoffView:
        """The handoff whose id begins so, or the open one of the conversation of that id. Raises NoSuchHandoff."""
        views = {**self._open, **self._closed}
        matches = [name] if name in views else [other for other in views if other.startswith(name)]
        what = "handoffs begin so: give more of it"
        if not matches:
            matches = [view.id for view in views.values() if view.conversation_id == name]
            matches = [match for match in matches if match in self._open] or matches
            what = "handoffs of this conversation: give the id of one"
        if len(matches) == 1 and name:
            return views[matches[0]]
        if not matches or not name:
            raise NoSuchHandoff(f"{name or 'an empty id'}: no such handoff: see `handrail handoffs list --all`")
        shown = ", ".join(sorted(matches)[:SHOWN_IDS_MAX]) + (" …" if len(matches) > SHOWN_IDS_MAX else "")
        raise NoSuchHandoff(f"{name}: {len(matches)} {what}: {shown}")

    def short_id_length(self) -> int:
        """How many characters distinguish all ids."""
        names = sorted([*self._open, *self._closed])
        return max([SHORT_ID_MIN, *(_common_length(first, second) + 1 for first, second in pairwise(names))])

    def person_event(self, event_id: str) -> tuple[str, str] | None:
        """(handoff, person) of the claim or answer with that event id, where it is on the log."""
        return self._people.get(event_id)

    def forget(self, view: HandoffView) -> None:
        """Let it go, with all that was said of it; later records about it open nothing again."""
        if (gone := self._open.pop(view.id, None) or self._closed.pop(view.id, None)) is not None:
            self._release(gone)
            self._end(view.id)

    def __len__(self) -> int:
        return len(self._open)

    def _folded(self, event: dict[str, Any], place: Place, key: bytes | None, value: bytes) -> HandoffView | None:
        kind, data = event["type"], event["data"]
        if kind == HANDOFF:
            return self._updated(event, place) if data.get("since") is not None else self._revised(event, place, value)
        if kind == CLOSED:
            return self._ended_by(event)
        if kind == DECISION:
            return self._reported(self._by_digest.get(data["action_digest"] or ""), event)
        if kind == ALERT:
            return self._reported(str(data["evidence"].get("handoff_id")), event)
        return self._answered(event) if key == event["subject"].encode() else None  # a worker refuses the others

    def _revised(self, event: dict[str, Any], place: Place, value: bytes) -> HandoffView | None:
        data = event["data"]
        before = self.get(data["handoff_id"])
        if before is not None:
            view = fold.revised(before, data, place, self._keep)
        else:
            view = fold.opened(data, place, self._keep)
            if view.id in self._ended:
                return None
            for earlier in self._early.pop(view.id, ()):
                if earlier["subject"] == view.conversation_id:
                    view = fold.answered(view, earlier)
        view = fold.reported(view, event)
        if self._texts is not None and view.place == place:
            if before is not None:
                self._texts.drop(before.place)
            self._texts.put(place, value)
        self._by_digest |= dict.fromkeys(view.actions, view.id)
        return view

    def _updated(self, event: dict[str, Any], place: Place) -> HandoffView | None:
        """What is new in a handoff; of one that is not known, the revision in full has left the log."""
        before = self.get(event["data"]["handoff_id"])
        if before is None:
            return None
        view = fold.reported(fold.updated(before, event["data"], place, self._keep), event)
        if self._texts is not None:
            self._texts.update(view.place, event["data"])
        return view

    def _ended_by(self, event: dict[str, Any]) -> HandoffView | None:
        name: str = event["data"]["handoff_id"]
        self._end(name)
        before = self._open.get(name)
        return None if before is None else fold.closed(before, event)

    def _reported(self, name: str | None, event: dict[str, Any]) -> HandoffView | None:
        before = self.get(name) if name else None
        return None if before is None else fold.reported(before, event)

    def _answered(self, event: dict[str, Any]) -> HandoffView | None:
        name: str = event["data"]["handoff_id"]
        _put(self._people, event["id"], (name, event["data"]["by"]["id"]), self._bounds.events)
        before = self.get(name)
        if before is None:
            _put(self._early, name, [*self._early.get(name, ()), event][-EARLY_OF_ONE_MAX:], self._bounds.early)
            return None
        return fold.answered(before, event) if event["subject"] == before.conversation_id else None

    def _put(self, view: HandoffView) -> HandoffView:
        """The view is the one that is kept; what is too much goes."""
        if view.closed is None:
            self._open[view.id] = view
            if len(self._open) > self._bounds.open:
                self._release(self._open.popitem(last=False)[1])
                self.unseen += 1
        else:
            self._open.pop(view.id, None)
            self._closed[view.id] = view
            if len(self._closed) > self._bounds.closed:
                self._release(self._closed.popitem(last=False)[1])
                self.past += 1
        return view

    def _release(self, view: HandoffView) -> None:
        if self._texts is not None:
            self._texts.drop(view.place)
        for digest in view.actions:
            self._by_digest.pop(digest, None)

    def _end(self, name: str) -> None:
        _put(self._ended, name, None, self._bounds.ended)


def _put(entries: OrderedDict[str, Any], name: str, value: Any, entries_max: int) -> None:
    entries[name] = value
    while len(entries) > entries_max:
        entries.popitem(last=False)


def _common_length(first: str, second: str) -> int:
    differs = (at for at, (a, b) in enumerate(zip(first, second, strict=False)) if a != b)
    return next(differs, min(len(first), len(second)))
