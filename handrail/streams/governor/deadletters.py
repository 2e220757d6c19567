"""Dead letters: what could not be read or folded, byte for byte, with where it came from and one line why."""

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.envelope import UNREAD
from handrail.schemas.record import Output, Record
from handrail.schemas.topics import DEADLETTERS

REASON_MAX = 500
REDRIVEN_FROM = "handrail-redriven-from"  # on a redriven record: the dead letter it was
FIRST_PLACE = "handrail-first-place"  # on a redriven record: where it lay at first
REDRIVEN_TO = "handrail-redriven-to"  # on a note, which lies beside the dead letters: where one of them went

ADDED = ("topic", "partition", "offset", "reason", "at", "key", "null")
OWN = frozenset({*(f"handrail-{name}" for name in ADDED), REDRIVEN_TO, UNREAD})
"""The headers that a record cannot bring along; all others its dead letter has too."""


def unread(record: Record, why: str) -> str:
    """Why nobody could read it: of a record that stands for a whole batch, what is wrong with that one."""
    for name, value in record.headers:
        if name == UNREAD and value:
            return value.decode(errors="replace")
    return why


def letter(record: Record, reason: str, now_ms: int) -> Output:
    """The dead letter of a record; its key is the source partition."""
    line = " ".join(reason.split())[:REASON_MAX]
    headers = {
        "handrail-topic": record.topic,
        "handrail-partition": str(record.partition),
        "handrail-offset": str(record.offset),
        "handrail-reason": line,
        "handrail-at": to_rfc3339(now_ms),
    }
    written = [(name, value.encode()) for name, value in headers.items()]
    if record.key is not None:
        written.append(("handrail-key", record.key))
    if record.value is None:
        written.append(("handrail-null", b"true"))
    written += [(name, value) for name, value in record.headers if name not in OWN]
    key = f"{record.topic}/{record.partition}".encode()
    return Output(DEADLETTERS, key, record.value or b"", tuple(written))


def place(topic: str, partition: int | str, offset: int | str) -> str:
    """`agent.events.v1[2]@17`, as headers name a place on the log."""
    return f"{topic}[{partition}]@{offset}"
