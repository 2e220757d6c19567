"""A fetch that is dropped before it is read is freed at once; aiokafka 0.14 leaves it in a cycle of references.

A seek or a rebalance drops what was fetched and not yet read, 9 MB of a partition at most. It would lie there until
Python looks for cycles, which processes that fold do rarely (`collect_less`).
"""

from collections.abc import Iterator
from typing import Any

from aiokafka.consumer import fetcher


class PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    """Begins to read itself when it is asked for its first record: until then nothing refers back to it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._records_iterator: Iterator[Any] | None = None

    def __iter__(self) -> Iterator[Any]:
        if self._records_iterator is None:
            self._records_iterator = self._unpack_records()
        return self._records_iterator

    def __next__(self) -> Any:
        return next(iter(self))


def install() -> None:
    """Every consumer of this process fetches so from now on."""
    fetcher.PartitionRecords = PartitionRecords
