"""Which conversation has been silent longest: all that are remembered, in the order of their last records."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator


class Idle:
    """The log time (ms) of each conversation's last record; it runs on, so they lie in its order too."""

    def __init__(self) -> None:
        self._last: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._last)

    def __iter__(self) -> Iterator[tuple[str, int]]:
        return iter(self._last.items())

    @property
    def first(self) -> tuple[str, int] | None:
        """The one that has been silent longest, and its time."""
        return next(iter(self._last.items()), None)

    def touch(self, name: str, at_ms: int) -> None:
        """Note a conversation's last record, the latest of all."""
        if self._last.get(name) != at_ms:
            self._last[name] = at_ms
            self._last.move_to_end(name)

    def drop(self, name: str) -> None:
        """Remove a conversation."""
        self._last.pop(name, None)

    def begin(self, rows: Iterable[tuple[int, int, str]]) -> None:
        """Begin with these: (time of the last record, offset, conversation)."""
        self._last = OrderedDict((name, at_ms) for at_ms, _, name in sorted(rows))
