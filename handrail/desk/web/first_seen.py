"""Who has seen what since when, for as long as the desk runs."""

from collections import OrderedDict

REMEMBERED_MAX = 20_000


class FirstSeen:
    """The first time of each key, in milliseconds; the oldest are forgotten."""

    def __init__(self) -> None:
        self._first: OrderedDict[tuple[str, ...], int] = OrderedDict()

    def first_ms(self, now_ms: int, *key: str) -> int:
        """When this key came first: now, where it has not been here."""
        found = self._first.setdefault(key, now_ms)
        while len(self._first) > REMEMBERED_MAX:
            self._first.popitem(last=False)
        return found

    def __contains__(self, key: tuple[str, ...]) -> bool:
        return key in self._first
