"""A log of all topics, written by hand: each line says what happened and when, and becomes the record a sink reads."""

from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson

from handrail.schemas.clock import to_ms, to_rfc3339
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS, ALERTS, DEADLETTERS, DECISIONS, HANDOFFS, RESOLUTIONS
from handrail.streams.governor.deadletters import letter
from handrail.streams.sink.database import connect
from handrail.streams.sink.stage import stage
from tests.databases import open_store

DIGEST = "0" * 64
RULESET = f"sha256:{DIGEST}"


class Book:
    """Records in partition 0 of every topic. `at` moves the clock, which is the log's."""

    def __init__(self) -> None:
        self.records: list[tuple[Record, dict[str, bytes]]] = []
        self.ends: dict[tuple[str, int], int] = {}
        self.now_ms = 0

    def at(self, text: str) -> "Book":
        """What follows happens at that time (UTC)."""
        self.now_ms = to_ms(f"{datetime.fromisoformat(text).isoformat()}Z")
        return self

    def raw(self, topic: str, value: bytes | None, key: bytes | None = None, **headers: bytes) -> Record:
        """Any bytes."""
        offset = self.ends.get((topic, 0), 0)
        self.ends[topic, 0] = offset + 1
        record = Record(topic, 0, offset, self.now_ms, key, value)
        self.records.append((record, headers))
        return record

    def cloudevent(self, topic: str, kind: str, subject: str, data: dict[str, Any], **envelope: Any) -> Record:
        """A record of any type."""
        found = {
            "specversion": "1.0",
            "id": f"{topic}-{self.ends.get((topic, 0), 0)}",
            "source": "/test",
            "type": f"handrail.{kind}.v1",
            "subject": subject,
            "time": to_rfc3339(self.now_ms),
            "data": data,
            **envelope,
        }
        return self.raw(topic, orjson.dumps(found), subject.encode())

    def event(self, conversation: str, kind: str, *, id: str | None = None, **data: Any) -> Record:  # noqa: A002
        """An agent event; `id` None: an id of its own."""
        named = {} if id is None else {"id": id}
        return self.cloudevent(
            AGENT_EVENTS, kind, conversation, {"conversation_id": conversation, "agent_id": "shop", **data}, **named
        )

    def decision(
        self,
        of: Record,
        kind: str,
        verdict: str = "allow",
        *,
        intent: str | None = None,
        steps: int = 0,
        cost_usd: str = "0.00",
        unpriced_tokens: int = 0,
        **data: Any,
    ) -> dict[str, Any]:
        """The decision on an event, and what its execution has used so far."""
        asked = orjson.loads(of.value or b"")
        subject = asked["subject"]
        classified = {"intent": intent, "topic": "orders", "risk": "low", "complexity": "simple", "confidence": 0.9}
        found = {
            "decision_id": f"{of.offset:064x}",
            "for": {name: asked[name] for name in ("source", "id", "type")},
            "kind": kind,
            "verdict": verdict,
            "route": "ai",
            "agent_id": "shop",
            "conversation_id": subject,
            "execution_id": asked["data"].get("execution_id", subject),
            "tenant": asked["data"].get("tenant", "default"),
            "reasons": [],
            "skipped": [],
            "customer_message": None,
            "action_id": None,
            "action_digest": None,
            "handoff_id": None,
            "expires_at": None,
            "usage": {
                "steps": steps,
                "steps_max": 100,
                "cost_usd": cost_usd,
                "cost_usd_max": "10.00",
                "unpriced_tokens": unpriced_tokens,
                "loop_run": 0,
                "loop_max": 3,
            },
            "classification": {**classified, "wants_human": False, "model": "test-1"} if kind == "route" else None,
            "ruleset": RULESET,
            "position": {"partition": 0, "offset": of.offset},
            "signature": None,
            **data,
        }
        self.cloudevent(DECISIONS, "decision", subject, found)
        return found

    def handoff(self, conversation: str, handoff_id: str, revision: int = 1, **data: Any) -> Record:
        """A handoff, or another revision of it."""
        found = {
            "handoff_id": handoff_id,
            "kind": "approval",
            "revision": revision,
            "revision_min": 1,
            "opened_at": to_rfc3339(self.now_ms),
            "opened_offset": 0,
            "news": [],
            "conversation_id": conversation,
            "execution_id": conversation,
            "tenant": "default",
            "agent_id": "shop",
            "channel": None,
            "locale": None,
            "goal": None,
            "customer": {"ref": "u-1"},
            "contact": None,
            "problem": {"text": "help", "summary": "help, in a line"},
            "classification": None,
            "reason": reason("policy"),
            "reasons": [reason("policy")],
            "attempts": [{"step": 1}],
            "pending": None,
            "transcript": [],
            "transcript_truncated": False,
            "said_to_customer": [],
            "log": {},
            "queue": "general",
            "skills": [],
            "priority": "normal",
            "due_at": None,
            "next_steps": [],
            "promise": {},
            "approvals": None,
            "follows": None,
            "redacted": [],
            "completeness": {"score": 0.8, "missing": ["customer.ref"]},
            **data,
        }
        return self.cloudevent(HANDOFFS, "handoff", conversation, found)

    def closed(self, conversation: str, handoff_id: str, cause: str) -> Record:
        """The end of a handoff."""
        data = {"handoff_id": handoff_id, "conversation_id": conversation, "cause": cause, "owner": "human"}
        return self.cloudevent(HANDOFFS, "handoff.closed", conversation, data)

    def resolution(self, conversation: str, handoff_id: str, outcome: str, **data: Any) -> Record:
        """What a human answered."""
        found = {
            "handoff_id": handoff_id,
            "conversation_id": conversation,
            "outcome": outcome,
            "by": {"id": "desk-1", "name": "Ada"},
            "at": to_rfc3339(self.now_ms),
            **data,
        }
        return self.cloudevent(RESOLUTIONS, "resolution", conversation, found)

    def alert(self, conversation: str, kind: str) -> Record:
        """An alert about a conversation."""
        at = to_rfc3339(self.now_ms)
        about = {"agent_id": "shop", "tenant": "default", "conversation_id": conversation}
        data = {"alert_id": f"al-{kind}", "kind": kind, "severity": "high", "message": "look", "about": about}
        times = {"since": at, "from": at, "to": at}
        return self.cloudevent(
            ALERTS, "alert", conversation, {**data, **times, "evidence": {"n": 1}, "examples": [conversation]}
        )

    def refused(self, record: Record, why: str = "refused") -> Record:
        """The dead letter of a record."""
        found = letter(record, why, self.now_ms)
        return self.raw(DEADLETTERS, found.value, found.key, **dict(found.headers))

    def store(self, folder: Path, cluster: str = "cluster-1") -> duckdb.DuckDBPyConnection:
        """Everything in a database, as the sink would have it, opened for reading."""
        store = open_store(folder / "handrail.duckdb")
        store.write(cluster, [stage(record, headers) for record, headers in self.records], self.ends)
        store.close()
        return connect(folder / "handrail.duckdb", read_only=True)


def reason(code: str, **data: Any) -> dict[str, Any]:
    """One reason of a decision."""
    return {"code": code, "action": "block", "mode": "enforce", "message": f"{code}.", "evidence": {}, **data}


def rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    """The rows by their columns' names."""
    found = connection.execute(sql)
    names = [name for name, *_ in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
