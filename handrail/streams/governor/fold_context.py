"""What detectors look at: one record being folded into one conversation, and the call that it proposes or reports."""

from typing import Any

import msgspec

from handrail.policies import Bundle, Limits
from handrail.schemas.record import Output
from handrail.streams.governor.outgoing import record_of
from handrail.streams.governor.state import Execution, PartitionState
from handrail.streams.governor.working_conversation import WorkingConversation

UNKNOWN = "unknown"  # the status of a call that was begun, where nobody knows whether it took effect

Reply = tuple[int, int] | None
"""(verdict, route) of the decision on an event; None where none was emitted."""


class ActionCall(msgspec.Struct, frozen=True):
    """`key` (8 bytes) is the same for the same call; `digest` binds to this one action."""

    action_id: str
    tool: str
    named: str
    arguments: dict[str, Any]
    key: bytes
    digest: str
    effect: str

    @property
    def acts(self) -> bool:
        """Whether it counts as a write for supervision and ownership: all that is not known to read."""
        return self.effect != "read"


class FoldContext(msgspec.Struct, eq=False):
    """`source`, `event_id` and `event_type` name the record that is answered, `data` is its data as it came.

    A release has a copy in which they name the waiting proposal, while `offset` and `now_ms` are still those of the
    record that releases it (resolutions.py).
    """

    conversation: WorkingConversation
    partition: PartitionState
    bundle: Bundle
    active: bool  # whether a bundle was activated in this partition; without one everything is blocked
    number: int  # of the partition
    offset: int
    now_ms: int
    source: str
    event_id: str
    event_type: str
    data: dict[str, Any]
    execution: Execution
    agent_id: str
    tenant: str
    limits: Limits
    observed: bool  # the agent is only observed: it gets the same decisions, marked, and is never held
    ruleset: str  # the bundle that answers; for a repeat the one that answered then
    traceparent: str | None = None
    recorded: bool = False
    outputs: list[Output] = []
    plain: bool = False  # sorted JSON of any part of `data` is canonical
    stranger: str = ""  # the code of what the agent's entry in agents.yaml does not list, see agent_identity.py
    supervises: bool = False  # the agent came under supervision, which the other partitions have to hear of
    ends_ms: int = 0  # when what was allowed ends, by the log; 0 where nothing was that can be acted on

    def emit(self, topic: str, event_type: str, event_id: str, data: Any, key: str | None = None) -> None:
        """Add one CloudEvent to the outputs of this record; its key is the conversation unless `key` is given.

        `data` is a dict, or what orjson takes for one.
        """
        subject = key or self.conversation.id
        self.outputs.append(record_of(topic, event_type, event_id, subject, self.now_ms, data, self.traceparent))
