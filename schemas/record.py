"""A record as it lies on the log, and a record to be written: what crosses the line between pure and impure."""

from typing import NamedTuple

# CloudEvents' Kafka binding, structured mode.
CLOUDEVENT = (("content-type", b"application/cloudevents+json"),)


class Record(NamedTuple):
    """One Kafka record. `timestamp_ms` is the log's append time in milliseconds since 1970-01-01 UTC."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()  # only a dead letter passes them on; nothing is decided by them


class Output(NamedTuple):
    """One record to be produced. It goes to the partition number of the record that caused it."""

    topic: str
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class StateWrite(NamedTuple):
    """One record for the changelog: `value` None is a tombstone; `position` is the offset it is valid at."""

    key: bytes
    value: bytes | None
    position: int
