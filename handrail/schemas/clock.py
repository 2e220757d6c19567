"""Times: RFC 3339 on the wire, integer milliseconds since 1970-01-01 UTC inside."""

from datetime import UTC, datetime
from functools import lru_cache

from handrail.schemas.errors import SchemaError

MS_MAX = 253_402_300_799_999  # the end of the year 9999: RFC 3339 has no later one
_ENDS = tuple(f".{ms:03d}Z" for ms in range(1000))


def to_ms(text: str) -> int:
    """Milliseconds of an RFC 3339 time; a time without a zone is refused. Raises SchemaError."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise SchemaError(f"time: must be RFC 3339 such as 2026-11-23T10:15:02Z, got {text[:40]!r}") from None
    if moment.tzinfo is None:
        raise SchemaError(f"time: must have a zone (end it with Z for UTC), got {text[:40]!r}")
    return int(moment.timestamp() * 1000)


@lru_cache(1024)
def _second(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def to_rfc3339(ms: int) -> str:
    """`2026-11-23T10:15:02.412Z`: always UTC, always milliseconds; what lies outside 1970 to 9999 is cut to these.

    Where producers set the time of a record (the embedded broker, a file), what is due a minute after it can be later.
    """
    if not 0 <= ms <= MS_MAX:
        ms = min(max(ms, 0), MS_MAX)
    return _second(ms // 1000) + _ENDS[ms % 1000]
