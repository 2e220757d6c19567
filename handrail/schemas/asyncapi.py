"""AsyncAPI 3 of all topics: who sends what where, seen from Handrail."""

from typing import Any

from handrail.schemas.controls import CONTROLS
from handrail.schemas.event_types import ALERT, DECISION, HANDOFF, HANDOFF_CLOSED
from handrail.schemas.events import EVENTS
from handrail.schemas.json_schema import TYPES, short
from handrail.schemas.resolutions import RESOLUTIONS
from handrail.schemas.topics import AGENT_EVENTS, ALERTS, CATALOGUE, DECISIONS, HANDOFFS, Topic
from handrail.schemas.topics import RESOLUTIONS as RESOLUTIONS_TOPIC

RECORDS = "json/records"
ON_TOPIC: dict[str, tuple[str, ...]] = {
    AGENT_EVENTS: (*EVENTS, *CONTROLS),
    DECISIONS: (DECISION,),
    HANDOFFS: (HANDOFF, HANDOFF_CLOSED),
    RESOLUTIONS_TOPIC: tuple(RESOLUTIONS),
    ALERTS: (ALERT,),
}
READ, WRITTEN = (AGENT_EVENTS, RESOLUTIONS_TOPIC), (AGENT_EVENTS, DECISIONS, HANDOFFS, ALERTS)
ABOUT = """\
Every record is a CloudEvent in structured JSON, its Kafka key is its subject: the conversation's id, or `control`.
The partition is Kafka's murmur2 of the key (librdkafka: partitioner=murmur2_random).
"""


def document(version: str) -> dict[str, Any]:
    """The whole document; `version` is that of the project."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Handrail", "version": version, "description": ABOUT, "license": {"name": "Apache-2.0"}},
        "defaultContentType": "application/cloudevents+json",
        "channels": {topic: _channel(CATALOGUE[topic], types) for topic, types in ON_TOPIC.items()},
        "operations": {
            **{f"receive.{topic}": _operation("receive", topic, _received(topic)) for topic in READ},
            **{f"send.{topic}": _operation("send", topic, _sent(topic)) for topic in WRITTEN},
        },
        "components": {"messages": {short(record_type): _message(record_type) for record_type in TYPES}},
    }


def _received(topic: str) -> tuple[str, ...]:
    return ON_TOPIC[topic]


def _sent(topic: str) -> tuple[str, ...]:
    """On the log of events the system itself writes controls only."""
    return tuple(CONTROLS) if topic == AGENT_EVENTS else ON_TOPIC[topic]


def _channel(topic: Topic, types: tuple[str, ...]) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": topic.what,
        "messages": {short(name): {"$ref": f"#/components/messages/{short(name)}"} for name in types},
        "bindings": {"kafka": {"topic": topic.name, "partitions": topic.partitions, "bindingVersion": "0.5.0"}},
    }


def _operation(action: str, topic: str, types: tuple[str, ...]) -> dict[str, Any]:
    channel = f"#/channels/{topic}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{short(name)}"} for name in types],
    }


def _message(record_type: str) -> dict[str, Any]:
    summary = " ".join((TYPES[record_type].__doc__ or "").split())
    return {
        "name": record_type,
        "summary": summary,
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": f"{RECORDS}/{short(record_type)}.json"},
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
    }
