"""What the governor writes: CloudEvents of its own, each for a topic."""

from typing import Any

import orjson

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.record import CLOUDEVENT, Output

SOURCE = "/handrail/governor"


def record_of(
    topic: str, event_type: str, event_id: str, subject: str, now_ms: int, data: Any, traceparent: str | None = None
) -> Output:
    """A CloudEvent of the governor for a topic."""
    record: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": event_type,
        "subject": subject,
        "time": to_rfc3339(now_ms),
        "datacontenttype": "application/json",
    }
    if traceparent is not None:
        record["traceparent"] = traceparent
    record["data"] = data
    return Output(topic, subject.encode(), orjson.dumps(record), CLOUDEVENT)
