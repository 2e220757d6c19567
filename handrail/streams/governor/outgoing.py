"""What the governor writes: CloudEvents of its own, each for a topic."""

from typing import Any

import orjson

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.envelope import CLOUDEVENT
from handrail.schemas.record import Output

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


def enveloped(
    event_type: str, event_id: str, subject: bytes, now_ms: int, data: bytes, traceparent: str | None = None
) -> bytes:
    """The value of `record_of`, joined from what is JSON already: `subject` and `data`.

    For `event_type` and `event_id` of letters, digits and dots: they are not escaped.
    """
    traced = b"" if traceparent is None else b'"traceparent":%b,' % orjson.dumps(traceparent)
    return b"".join((
        b'{"specversion":"1.0","id":"', event_id.encode(), b'","source":"/handrail/governor","type":"',
        event_type.encode(), b'","subject":', subject, b',"time":"', to_rfc3339(now_ms).encode(),
        b'","datacontenttype":"application/json",', traced, b'"data":', data, b"}",
    ))  # fmt: skip
