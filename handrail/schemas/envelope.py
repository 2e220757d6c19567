"""The envelope: CloudEvents 1.0 in structured JSON."""

from typing import Annotated, Any, Literal

from pydantic import Field

from handrail.schemas.fields import Name, Shape, Time

SOURCE_MAX = 512
CLOUDEVENT = (("content-type", b"application/cloudevents+json"),)
"""The headers of a record with one, by CloudEvents' Kafka binding."""

UNREAD = "handrail-unread"
"""The header of a record that stands for a produce batch which cannot be read: why, and what to do."""


class Envelope(Shape):
    """One CloudEvent. Extension attributes are kept. Identity is (source, id, subject)."""

    specversion: Literal["1.0"]
    id: Name
    source: Annotated[str, Field(min_length=1, max_length=SOURCE_MAX)]
    type: Annotated[str, Field(min_length=1, max_length=SOURCE_MAX)]
    subject: Name
    time: Time
    datacontenttype: Literal["application/json"] = "application/json"
    traceparent: str | None = None
    data: Any
