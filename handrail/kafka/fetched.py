"""A record of a fetch as a named tuple, made in a quarter of the time of aiokafka's frozen dataclass."""

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka.consumer import fetcher


class FetchedRecord(NamedTuple):
    """The fields of aiokafka's `ConsumerRecord`, in its order. `timestamp` is in milliseconds since 1970-01-01 UTC.

    It is read by attribute only: `dataclasses.replace` and `isinstance` of aiokafka's own do not take it for one.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    checksum: int | None
    serialized_key_size: int
    serialized_value_size: int
    headers: Sequence[tuple[str, bytes]]


def install() -> None:
    """Every consumer of this process makes its records so from now on."""
    fetcher.ConsumerRecord = FetchedRecord
