"""One record being folded into one conversation, with all that the detectors may look at."""

from typing import Any

import msgspec

from handrail.policies import Bundle, Limits
from handrail.schemas.record import Output
from handrail.streams.governor.outgoing import record_of
from handrail.streams.governor.state import Execution, PartitionState
from handrail.streams.governor.working_conversation import WorkingConversation


class FoldContext(msgspec.Struct, eq=False):
    """`source`, `event_id` and `event_type` name the record that is answered, `data` is its data as it came.

    For a release they name the waiting proposal, while `offset` and `now_ms` are those of the record that released it.
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
        """Add one CloudEvent to the outputs of this record; its key is the conversation unless told otherwise.

        `data` is a dict, or what orjson takes for one.
        """
        subject = key or self.conversation.id
        self.outputs.append(record_of(topic, event_type, event_id, subject, self.now_ms, data, self.traceparent))
