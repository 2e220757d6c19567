"""Dead letters: what could not be read or folded, byte for byte, with where it came from and one line why."""

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.record import Output, Record
from handrail.schemas.topics import DEADLETTERS

REASON_MAX = 500


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
    key = f"{record.topic}/{record.partition}".encode()
    return Output(DEADLETTERS, key, record.value or b"", tuple(written))
