"""A recorded conversation with everything the governor said to it, and what its labels say of it."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from handrail.schemas.record import Output, Record
from handrail.streams.governor.replay import shown

LOOPS = ("loop.repeat", "loop.cycle", "loop.response", "loop.customer")
CALLS = ("loop.repeat", "loop.cycle")


@dataclass(slots=True)
class Conversation:
    """`events` with their offsets, `decisions` and `handoffs` (first revisions) as their data, in the log's order."""

    name: str
    label: dict[str, str]
    events: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    handoffs: list[dict[str, Any]] = field(default_factory=list)

    @property
    def recording(self) -> str:
        """The file that it comes from."""
        return self.name.partition("/")[0]

    @property
    def succeeded(self) -> bool:
        """The benchmark's reward is full."""
        return float(self.label["reward"] or 0) == 1.0

    @property
    def transferred(self) -> bool:
        """The agent handed over by itself in the recording."""
        return int(self.label["transfer_calls"]) > 0

    @property
    def transfer_expected(self) -> bool:
        """The task is one that ends with a transfer to a human."""
        return self.label["expected_transfer"] == "1"

    def data(self, kind: str) -> Iterator[tuple[int, dict[str, Any]]]:
        """Offset and data of the events of one type, such as `llm.completed`."""
        return ((offset, event["data"]) for offset, event in self.events if event["type"] == f"handrail.{kind}.v1")

    def fired(self, *codes: str) -> dict[str, Any] | None:
        """The first decision with a reason of one of these codes."""
        return next(
            (
                decision
                for decision in self.decisions
                if {reason["code"] for reason in decision["reasons"]} & set(codes)
            ),
            None,
        )

    def first(self, verdict: str) -> dict[str, Any] | None:
        """The first decision with this verdict."""
        return next((decision for decision in self.decisions if decision["verdict"] == verdict), None)


def read_conversations(log: Sequence[Record], outputs: Iterable[Output], labels: Path) -> list[Conversation]:
    """The conversations, in the order of their first events."""
    with labels.open() as lines:
        known = {f"{row['source']}/{row['conversation_id']}": row for row in csv.DictReader(lines)}
    conversations: dict[str, Conversation] = {}
    for record in log:
        event = orjson.loads(record.value or b"")
        name = event["subject"]
        if name not in conversations:
            conversations[name] = Conversation(name, known[name.replace("_trials01/", "/")])
        conversations[name].events.append((record.offset, event))
    for output in outputs:
        event = shown(output)
        if event["type"] == "handrail.decision.v1":
            conversations[event["subject"]].decisions.append(event["data"])
        elif event["type"] == "handrail.handoff.v1" and event["data"]["revision"] == 1:
            conversations[event["subject"]].handoffs.append(event["data"])
    return list(conversations.values())
