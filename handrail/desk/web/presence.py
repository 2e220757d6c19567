"""Who is looking at what, and who has seen what since when."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from handrail.desk.web.notifier import Notifier
from handrail.schemas.fields import By

REMEMBERED_MAX = 20_000


class Presence:
    """People at the handoffs that they have open; as many as there are streams, which are bounded."""

    def __init__(self, changes: Notifier) -> None:
        self._changes = changes
        self._numbers = count()
        self._at: dict[int, tuple[str, By]] = {}

    @contextmanager
    def at(self, handoff_id: str, person: By) -> Iterator[None]:
        """This person looks at the handoff for the length of the block."""
        number = next(self._numbers)
        self._at[number] = (handoff_id, person)
        self._changes.notify()
        try:
            yield
        finally:
            del self._at[number]
            self._changes.notify()

    def others(self, handoff_id: str, but: str) -> list[str]:
        """The names of all others who look at the handoff, in alphabetical order."""
        there = {person.id: person.name or person.id for name, person in self._at.values() if name == handoff_id}
        return sorted(name for by, name in there.items() if by != but)


class FirstSeen:
    """The first time of each key, in milliseconds; the oldest are forgotten."""

    def __init__(self) -> None:
        self._first: OrderedDict[tuple[str, ...], int] = OrderedDict()

    def first_ms(self, now_ms: int, *key: str) -> int:
        """When this key came first: now, where it has not been here."""
        first = self._first.setdefault(key, now_ms)
        while len(self._first) > REMEMBERED_MAX:
            self._first.popitem(last=False)
        return first

    def __contains__(self, key: tuple[str, ...]) -> bool:
        return key in self._first
