"""What humans answer, for tests."""

from typing import Any


def resolution(handoff: dict[str, Any], outcome: str, **more: Any) -> dict[str, Any]:
    """The record with which a human answers a handoff (its `data`)."""
    return {
        "specversion": "1.0",
        "id": f"res-{handoff['handoff_id']}-{handoff.get('revision', 1)}",
        "source": "/desk",
        "type": "handrail.resolution.v1",
        "subject": handoff["conversation_id"],
        "time": "2026-11-23T10:20:00Z",
        "data": {
            "handoff_id": handoff["handoff_id"],
            "conversation_id": handoff["conversation_id"],
            "outcome": outcome,
            "revision": handoff.get("revision", 1),
            "by": {"id": "desk-1"},
            "at": "2026-11-23T10:20:00Z",
            **more,
        },
    }
