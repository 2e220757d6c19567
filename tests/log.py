"""Logs for tests: events with few words, and the fold over them."""

import json
from collections.abc import Iterable
from typing import Any

from handrail.policies import Bundle, load_bundle
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.governor.partition import Folded, PartitionFold
from handrail.streams.governor.replay import shown

START_MS = 1_764_000_000_000
AGENT = "/agents/refunds"


class Log:
    """A partition's log being written: each method appends one event and gives it back.

    One second passes between two events unless `wait` says otherwise.
    """

    def __init__(self, conversation: str = "conv-1", agent: str = "refunds") -> None:
        self.conversation, self.agent = conversation, agent
        self.records: list[Record] = []
        self.now_ms = START_MS

    def wait(self, seconds: float) -> "Log":
        """Time passes before the next event."""
        self.now_ms += int(seconds * 1000)
        return self

    def event(self, name: str, conversation: str | None = None, id: str | None = None, **data: Any) -> dict[str, Any]:  # noqa: A002
        """Any agent event; `name` is `action.proposed` and the like."""
        subject = conversation or self.conversation
        return self.append(
            {
                "specversion": "1.0",
                "id": id or f"e{len(self.records)}",
                "source": AGENT,
                "type": f"handrail.{name}.v1",
                "subject": subject,
                "time": "2026-11-23T10:15:02.412Z",
                "data": {"agent_id": self.agent, "conversation_id": subject, **data},
            }
        )

    def control(self, name: str, id: str | None = None, subject: str = "control", **data: Any) -> dict[str, Any]:  # noqa: A002
        """A control record."""
        return self.append(
            {
                "specversion": "1.0",
                "id": id or f"c{len(self.records)}",
                "source": "/handrail/worker",
                "type": f"handrail.control.{name}.v1",
                "subject": subject,
                "time": "2026-11-23T10:15:02.412Z",
                "data": data,
            }
        )

    def append(self, event: dict[str, Any]) -> dict[str, Any]:
        """The event as it is, at the end of the log."""
        self.raw(event["subject"].encode(), json.dumps(event).encode())
        return event

    def raw(self, key: bytes | None, value: bytes | None) -> None:
        """Any bytes."""
        self.now_ms += 1000
        self.records.append(Record(AGENT_EVENTS, 0, len(self.records), self.now_ms, key, value))

    def query(self, text: str, **data: Any) -> dict[str, Any]:
        """The customer writes."""
        return self.event("query.received", text=text, **data)

    def proposes(
        self, tool: str, action_id: str | None = None, *, event_id: str | None = None, **arguments: Any
    ) -> str:
        """The agent proposes an action; its action id."""
        found = action_id or f"a{len(self.records)}"
        self.event("action.proposed", id=event_id, action_id=found, tool=tool, arguments=arguments)
        return found

    def executes(self, tool: str, action_id: str, result: Any = None, status: str = "ok", **arguments: Any) -> None:
        """The action was executed."""
        self.event("action.executed", action_id=action_id, tool=tool, arguments=arguments, status=status, result=result)

    def does(self, tool: str, result: Any = None, **arguments: Any) -> None:
        """Proposes and executes."""
        self.executes(tool, self.proposes(tool, **arguments), result, **arguments)

    def answers(self, text: str, **data: Any) -> None:
        """The agent proposes an answer."""
        self.event("response.proposed", response_id=f"r{len(self.records)}", text=text, **data)

    def spends(self, cost_usd: str, **data: Any) -> None:
        """An LLM call of that price."""
        usage = {"input_tokens": 10, "output_tokens": 1}
        self.event("llm.completed", model={"provider": "p", "name": "m"}, usage=usage, cost_usd=cost_usd, **data)

    def resolves(self, handoff: dict[str, Any], outcome: str, by: str = "desk-1", **more: Any) -> None:
        """The worker's copy of a human's resolution."""
        resolution = {
            "handoff_id": handoff["handoff_id"],
            "conversation_id": handoff["conversation_id"],
            "outcome": outcome,
            "by": {"id": by},
            "at": "2026-11-23T10:20:00Z",
            **more,
        }
        original = f"res-{len(self.records)}"
        copy = {"type": "handrail.resolution.v1", "source": "/desk", "id": original, "resolution": resolution}
        self.append(
            {
                "specversion": "1.0",
                "id": f"copy-{original}",
                "source": "/handrail/worker",
                "type": "handrail.control.resolution.v1",
                "subject": handoff["conversation_id"],
                "time": "2026-11-23T10:15:02.412Z",
                "data": copy,
            }
        )

    def fold(self, bundle: Bundle | None = None, batch: int = 1) -> "Outcome":
        """What the fold makes of the whole log, cut into batches of that size."""
        found = bundle or load_bundle(None)
        fold = PartitionFold(0, None, {found.ruleset: found}, found.ruleset)
        folded = [fold.fold(self.records[at : at + batch]) for at in range(0, len(self.records), batch)]
        return Outcome(fold, folded)


class Outcome:
    """Everything a log was folded to."""

    def __init__(self, fold: PartitionFold, folded: Iterable[Folded]) -> None:
        self.partition = fold
        self.folded = list(folded)
        self.records = [shown(output) for one in self.folded for output in one.outputs]

    def of(self, name: str) -> list[dict[str, Any]]:
        """The data of all outputs of a type: `decision`, `handoff`, `alert`, `deadletter`, `handoff.closed`."""
        return [record["data"] for record in self.records if record["type"] == f"handrail.{name}.v1"]

    @property
    def decisions(self) -> list[dict[str, Any]]:
        """All decisions in order."""
        return self.of("decision")

    @property
    def verdicts(self) -> list[str]:
        """Their verdicts."""
        return [decision["verdict"] for decision in self.decisions]

    @property
    def handoffs(self) -> list[dict[str, Any]]:
        """All handoffs in order, each revision."""
        return self.of("handoff")

    def codes(self, at: int = -1) -> list[str]:
        """The reasons' codes of one decision, the last by default."""
        return [reason["code"] for reason in self.decisions[at]["reasons"]]
