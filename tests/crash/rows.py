"""What the sink has stored, by the place of each record on the log."""

from contextlib import suppress
from pathlib import Path

from handrail.schemas.errors import SchemaError
from handrail.streams.governor.redaction import redact_bytes, redact_record
from handrail.streams.sink.reading import open_readonly
from handrail.streams.sink.stage import READERS

JSON = ("events", "decisions", "handoffs", "resolutions", "alerts")
BYTES = ("deadletters", "unreadable")

Place = tuple[str, int, int]


def rows(data: Path) -> tuple[dict[Place, bytes | None], list[Place]]:
    """(the bytes of each record, the places that have more than one row)."""
    found: dict[Place, bytes | None] = {}
    repeated = []
    with open_readonly(data).connection as connection:
        for table in (*JSON, *BYTES):
            column = "CAST(record AS VARCHAR)" if table in JSON else "value"
            asked = f"SELECT log_topic, log_partition, log_offset, {column} FROM {table}"
            for topic, partition, offset, value in connection.execute(asked).fetchall():
                place = (topic, partition, offset)
                if place in found:
                    repeated.append(place)
                found[place] = value.encode() if isinstance(value, str) else value
    return found, repeated


def kept(topic: str, value: bytes | None) -> bytes | None:
    """What the sink may keep of a record's bytes; what it cannot read it keeps as bytes."""
    if value is None:
        return None
    if topic in READERS:
        _, read, begins = READERS[topic]
        with suppress(SchemaError):
            raw = read(value).raw
            if raw["type"].startswith(begins):
                return redact_record(value, raw).value
    return redact_bytes(value)[0]


def stored_ends(data: Path) -> dict[tuple[str, int], int]:
    """The next offset of each partition, as the newest snapshot has it."""
    with open_readonly(data, snapshot_only=True).connection as connection:
        asked = 'SELECT topic, "partition", next_offset FROM offsets'
        return {(topic, partition): offset for topic, partition, offset in connection.execute(asked).fetchall()}
