"""Records of handoffs, folded into an index one by one."""

import json
from pathlib import Path
from typing import Any

from handrail.desk.handoff_index import Bounds, HandoffIndex
from handrail.desk.handoff_summary import summary
from handrail.desk.handoff_view import HandoffView
from handrail.desk.record_cache import RecordCache
from handrail.schemas.topics import ALERTS, DECISIONS, HANDOFFS, RESOLUTIONS

SAMPLES = Path(__file__).resolve().parents[3] / "handrail" / "schemas" / "samples" / "v1"
TOPICS = {"handoff": HANDOFFS, "handoff.closed": HANDOFFS, "decision": DECISIONS, "alert": ALERTS}


def sample(name: str, **data: Any) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((SAMPLES / f"{name}.json").read_text())
    event["data"] |= data
    return event


class Log:
    """A log of handoffs, and the index of a page that follows it."""

    def __init__(self, **bounds: int) -> None:
        self.texts, self.offset = RecordCache(), 0
        self.index = HandoffIndex(summary, Bounds(**bounds), self.texts)

    def append(self, event: dict[str, Any], topic: str = "") -> None:
        name = event["type"].removeprefix("handrail.").removesuffix(".v1")
        self.offset += 1
        place = (topic or TOPICS.get(name, RESOLUTIONS), 0, self.offset)
        self.index.take(place, event["subject"].encode(), json.dumps(event).encode())

    def handoff(self, name: str = "hf-1", **data: Any) -> None:
        self.append(sample("handoff", handoff_id=name, **data))

    def view(self, name: str = "hf-1") -> HandoffView:
        view = self.index.get(name)
        assert view is not None
        return view

    def close(self, name: str = "hf-1", cause: str = "resolved") -> None:
        self.append(sample("handoff.closed", handoff_id=name, cause=cause))

    def answer(self, who: str, outcome: str, event_id: str, name: str = "hf-1", **data: Any) -> None:
        about = {"handoff_id": name, "conversation_id": "conv-8841", "by": {"id": who}, "outcome": outcome}
        event = sample("resolution", **about, **data)
        event["data"].pop("action_digest", None)
        self.append({**event, "id": event_id, "subject": "conv-8841"})


def route(log: Log) -> None:
    log.handoff(kind="route", pending=None, approvals=None)
