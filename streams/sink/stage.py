"""One record of the log, made ready for its table; what cannot be read goes to the table `unreadable`.

Which columns a table has, and where in the record they lie, is in inserts/*.sql.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from handrail.schemas.decode import Decoded, decode, decode_output, decode_resolution
from handrail.schemas.errors import SchemaError
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS, ALERTS, DEADLETTERS, DECISIONS, HANDOFFS, RESOLUTIONS

TIME_MS_MAX = 253_402_300_799_999  # the end of the year 9999; where producers set the time, they can set any

READERS: Mapping[str, tuple[str, Callable[[bytes | None], Decoded], str]] = {
    AGENT_EVENTS: ("events", decode, ""),
    DECISIONS: ("decisions", decode_output, "handrail.decision."),
    HANDOFFS: ("handoffs", decode_output, "handrail.handoff."),
    RESOLUTIONS: ("resolutions", decode_resolution, ""),
    ALERTS: ("alerts", decode_output, "handrail.alert."),
}
"""Topic -> (table, how its records are read, how the types begin that belong there)."""

TOPICS = (*READERS, DEADLETTERS)


def stage(record: Record, headers: Mapping[str, bytes | None]) -> tuple[str, bytes]:
    """The table that the record goes to, and its line of the batch file. Never raises for what is in a record."""
    if record.topic == DEADLETTERS:
        return "deadletters", _line(record, "deadletters", _letter(record, headers))
    table, read, begins = READERS[record.topic]
    try:
        event_type = str(read(record.value).raw["type"])
        if not event_type.startswith(begins):
            raise SchemaError(f"type: {event_type!r} does not belong on {record.topic}")
    except SchemaError as error:
        return "unreadable", _line(record, "unreadable", _unreadable(record, str(error)))
    return table, _line(record, table, (record.value or b"").decode(), event_type)


def _line(record: Record, table: str, value: str, event_type: str | None = None) -> bytes:
    line = {
        "target": table,
        "type": event_type,
        "log_topic": record.topic,
        "log_partition": record.partition,
        "log_offset": record.offset,
        "log_ms": min(max(record.timestamp_ms, 0), TIME_MS_MAX),
        "value": value,
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _letter(record: Record, headers: Mapping[str, bytes | None]) -> str:
    said = {name: headers.get(f"handrail-{name}") for name in LETTER}  # a header may have no value at all
    told = {name: value.decode(errors="replace") for name, value in said.items() if value is not None}
    return _json(**told, key=_base64(headers.get("handrail-key")), value=_base64(record.value))


LETTER = ("topic", "partition", "offset", "reason", "at")


def _unreadable(record: Record, reason: str) -> str:
    return _json(reason=" ".join(reason.split()), key=_base64(record.key), value=_base64(record.value))


def _base64(found: bytes | None) -> str | None:
    return None if found is None else b64encode(found).decode()


def _json(**fields: Any) -> str:
    return orjson.dumps(fields).decode()
