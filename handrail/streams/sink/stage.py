"""One record of the log, made ready for its table; what cannot be read goes to the table `unreadable`.

What must not be kept is taken out here, before anything is written: the batch file, the database's log and the database
never have it.

Which columns a table has, and where in the record they lie, is in inserts/*.sql.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.decode import Decoded, decode, decode_output, decode_resolution
from handrail.schemas.envelope import UNREAD
from handrail.schemas.errors import SchemaError
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS, ALERTS, DEADLETTERS, DECISIONS, HANDOFFS, RESOLUTIONS
from handrail.streams.governor.redaction import redact_bytes, redact_record, redact_text
from handrail.streams.sink.customer_refs import refs_in

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


class Staged(NamedTuple):
    """`line` goes to the batch file, for `table`. The rest names the customer, as far as the record does."""

    table: str
    line: bytes
    conversation: str | None
    tenant: str = ""
    customer: str | None = None
    refs: frozenset[str] = frozenset()  # customers that unreadable bytes may name


def stage(record: Record, headers: Mapping[str, bytes | None]) -> tuple[str, bytes]:
    """The table that the record goes to, and its line of the batch file. Never raises for what is in a record."""
    return staged(record, headers)[:2]


def staged(record: Record, headers: Mapping[str, bytes | None], hidden: Callable[[str], bool] | None = None) -> Staged:
    """The record ready for its table, without what must not be kept; no example of an alert is `hidden`."""
    if record.topic == DEADLETTERS:
        return _named(_letter(record, headers), record, hidden)
    table, read, begins = READERS[record.topic]
    try:
        raw = read(record.value).raw
        event_type = str(raw["type"])
        if not event_type.startswith(begins):
            raise SchemaError(f"type: {event_type!r} does not belong on {record.topic}")
    except SchemaError as error:
        unread = headers.get(UNREAD)
        reason = unread.decode(errors="replace") if unread else str(error)
        return _named(_unreadable(record, reason), record, hidden)
    value, redactions = redact_record(record.value or b"", raw)
    if hidden is not None and table == "alerts":
        value = without(value, [example for example in raw["data"].get("examples", ()) if hidden(example)])
    conversation = None if raw["subject"] == CONTROL_KEY else str(raw["subject"])
    line = _line(record, table, value.decode(), event_type, conversation, redactions)
    return Staged(table, line, conversation, *_customer(raw["data"]))


def _named(line: Staged, record: Record, hidden: Callable[[str], bool] | None) -> Staged:
    """The line with the refs in its bytes, where any customer is forgotten."""
    return line if hidden is None else line._replace(refs=frozenset(refs_in(record.value or b"")))


def without(value: bytes, conversations: Iterable[str]) -> bytes:
    """A record in which other conversations are no longer named."""
    for conversation in conversations:
        value = value.replace(orjson.dumps(conversation), b'"[forgotten]"')
    return value


def _customer(data: Mapping[str, Any]) -> tuple[str, str | None]:
    """(tenant, ref) as the record has them."""
    tenant, customer = data.get("tenant"), data.get("customer")
    ref = customer.get("ref") if isinstance(customer, dict) else None
    return tenant if isinstance(tenant, str) else "", ref if isinstance(ref, str) else None


def _line(
    record: Record,
    table: str,
    value: str,
    event_type: str | None = None,
    conversation: str | None = None,
    redactions: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    line = {
        "target": table,
        "type": event_type,
        "log_topic": record.topic,
        "log_partition": record.partition,
        "log_offset": record.offset,
        "log_ms": min(max(record.timestamp_ms, 0), TIME_MS_MAX),
        "conversation_id": conversation,
        "redactions": redactions or None,
        "value": value,
    }
    return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)


def _letter(record: Record, headers: Mapping[str, bytes | None]) -> Staged:
    origin = {name: headers.get(f"handrail-{name}") for name in LETTER}  # a header may have no value at all
    fields = {name: value.decode(errors="replace") for name, value in origin.items() if value is not None}
    return _bytes(record, "deadletters", fields, headers.get("handrail-key"))


def _unreadable(record: Record, reason: str) -> Staged:
    return _bytes(record, "unreadable", {"reason": " ".join(reason.split())}, record.key)


def _bytes(record: Record, table: str, fields: dict[str, str], key: bytes | None) -> Staged:
    """A record that is stored as bytes: its structure is unknown, so the bytes themselves are redacted."""
    value, kinds = redact_bytes(record.value) if record.value is not None else (None, ())
    redactions = [{"path": "value", "kinds": kinds}] if kinds else []
    if "reason" in fields:
        fields["reason"], kinds = redact_text(fields["reason"])
        redactions += [{"path": "reason", "kinds": kinds}] if kinds else []
    conversation = None if key is None else key.decode(errors="replace")
    body = _json(**fields, key=_base64(key), value=_base64(value))
    return Staged(table, _line(record, table, body, None, conversation, redactions), conversation)


LETTER = ("topic", "partition", "offset", "reason", "at")


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode()


def _json(**fields: Any) -> str:
    return orjson.dumps(fields).decode()
