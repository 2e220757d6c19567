"""The types of records on the wire: each name once; what every room does with a type is in that room's own table.

The tables of agent events are schemas/events.py (fields), streams/governor/events.py (how each is folded) and, where
rules read it, policies/lookup.py. A new type also needs a sample in schemas/samples; `make docs` makes the rest.
"""

from typing import Final

EXECUTION_STARTED: Final = "handrail.execution.started.v1"
QUERY_RECEIVED: Final = "handrail.query.received.v1"
HUMAN_REQUESTED: Final = "handrail.human.requested.v1"
LLM_PROPOSED: Final = "handrail.llm.proposed.v1"
LLM_COMPLETED: Final = "handrail.llm.completed.v1"
ACTION_PROPOSED: Final = "handrail.action.proposed.v1"
ACTION_EXECUTED: Final = "handrail.action.executed.v1"
CUSTOMER_ACTED: Final = "handrail.customer.acted.v1"
RESPONSE_PROPOSED: Final = "handrail.response.proposed.v1"
MESSAGE_SENT: Final = "handrail.message.sent.v1"
EXECUTION_ENDED: Final = "handrail.execution.ended.v1"
FEEDBACK_RECEIVED: Final = "handrail.feedback.received.v1"
EVALUATION_SCORED: Final = "handrail.evaluation.scored.v1"

POLICIES_ACTIVATED: Final = "handrail.control.policies.activated.v1"
AGENT_MODE: Final = "handrail.control.agent.mode.v1"
AGENT_SUPERVISED: Final = "handrail.control.agent.supervised.v1"
MODEL_VERIFIED: Final = "handrail.control.model.verified.v1"
BREAKER_CHANGED: Final = "handrail.control.breaker.changed.v1"
QUEUE_STATE: Final = "handrail.control.queue.state.v1"
BASELINE_SET: Final = "handrail.control.baseline.set.v1"
SNAPSHOT: Final = "handrail.control.snapshot.v1"
MEMORY: Final = "handrail.control.memory.v1"
TICK: Final = "handrail.control.tick.v1"
RESOLUTION_COPY: Final = "handrail.control.resolution.v1"
GRANT: Final = "handrail.control.grant.v1"
FORGET: Final = "handrail.control.forget.v1"

RESOLUTION: Final = "handrail.resolution.v1"
HANDOFF_CLAIMED: Final = "handrail.handoff.claimed.v1"

DECISION: Final = "handrail.decision.v1"
HANDOFF: Final = "handrail.handoff.v1"
HANDOFF_CLOSED: Final = "handrail.handoff.closed.v1"
ALERT: Final = "handrail.alert.v1"
DEAD_LETTER: Final = "handrail.deadletter.v1"


def short_name(event_type: str) -> str:
    """`handrail.action.proposed.v1` as `action.proposed`, as policy files write it."""
    return event_type.removeprefix("handrail.").removesuffix(".v1")


def full_name(short: str) -> str:
    """The reverse of `short_name`."""
    return f"handrail.{short}.v1"
