"""Agent events: what agents, channels, surveys and scorers put on `agent.events.v1`."""

from typing import Annotated, Literal

from pydantic import Field

from handrail.schemas import event_types
from handrail.schemas.fields import Customer, Estimate, Identity, Json, Model, Money, Name, Shape, Share, Usage


class Event(Shape):
    """The fields that every agent event may have. `recorded` marks imported history, for which nobody waits:
    it counts from the sources that `recorded_sources` in `agents.yaml` names.
    """

    conversation_id: Name
    agent_id: Identity | None = None
    execution_id: Name | None = None
    parent_execution_id: Name | None = None
    tenant: Identity | None = None
    agent_version: str | None = None
    model: Model | None = None
    customer: Customer | None = None
    recorded: bool | None = None


class AgentEvent(Event):
    """An event that only an agent can bring."""

    agent_id: Identity


class ExecutionStarted(AgentEvent):
    """An agent takes up a conversation, or a part of it."""

    channel: str | None = None
    goal: str | None = None


class QueryReceived(Event):
    """What the customer said; asks who may answer. `attributes` are numbers and words that a policy can test."""

    text: str
    channel: str | None = None
    locale: str | None = None
    attributes: dict[str, Json] | None = None


class HumanRequested(Event):
    """The customer asked for a person by a button or a keypress: always granted."""

    channel: str | None = None


class LlmProposed(AgentEvent):
    """An agent wants to call a model, and waits for the decision. `estimate` is what it expects to use."""

    model: Model
    estimate: Estimate | None = None


class LlmCompleted(AgentEvent):
    """An agent called a model. Without `cost_usd` the list price of the tokens counts; 0 is free.

    Without `usage` nobody knows how much it was: a call of unknown cost. `cached`: no model was asked, an answer was
    taken out of a cache, and costs nothing.
    """

    usage: Usage | None = None
    cost_usd: Money | None = None
    cached: bool | None = None
    confidence: Share | None = None
    latency_ms: Annotated[float, Field(ge=0)] | None = None
    error: str | None = None


class ActionProposed(AgentEvent):
    """An agent wants to call a tool, and waits for the decision."""

    action_id: Name
    tool: Name
    arguments: dict[str, Json]
    effect: Literal["read", "write"] | None = None


class ActionExecuted(AgentEvent):
    """An agent called a tool; `decision_id` names the decision that allowed it.

    `unknown`: it was begun, and nobody knows whether it took effect; `ok` or `error` may follow.
    """

    action_id: Name
    tool: Name
    arguments: dict[str, Json]
    status: Literal["ok", "error", "unknown"]
    result: Json = None
    error: Json = None
    decision_id: str | None = None
    effect: Literal["read", "write"] | None = None


class CustomerActed(AgentEvent):
    """The customer's own step; no step of the agent."""

    tool: Name
    arguments: dict[str, Json]
    status: Literal["ok", "error"]
    result: Json = None


class ResponseProposed(AgentEvent):
    """An agent wants to say this to the customer, and waits for the decision."""

    response_id: Name
    text: str
    confidence: Share | None = None
    citations: Json = None


class MessageSent(AgentEvent):
    """This was said to the customer, by the agent or by a person.

    A `human_agent` owns the conversation from then on; who waits for a person has got one where `human_sources` in
    `agents.yaml` names the source.
    """

    role: Literal["assistant", "human_agent"]
    text: str
    response_id: Name | None = None


class ExecutionEnded(AgentEvent):
    """The agent is done, one way or the other."""

    outcome: Literal["resolved", "transferred", "abandoned", "error", "halted"]
    reason: str | None = None


class FeedbackReceived(Event):
    """What the customer thought of it; `csat` from 1 to 5."""

    csat: Annotated[int, Field(ge=1, le=5)] | None = None
    resolved: bool | None = None
    text: str | None = None


class EvaluationScored(Event):
    """What a scorer thought of it, from 0 (bad) to 1 (good)."""

    scorer: Name
    score: Share
    about: dict[str, Json]
    labels: Json = None


EVENTS: dict[str, type[Event]] = {
    event_types.EXECUTION_STARTED: ExecutionStarted,
    event_types.QUERY_RECEIVED: QueryReceived,
    event_types.HUMAN_REQUESTED: HumanRequested,
    event_types.LLM_PROPOSED: LlmProposed,
    event_types.LLM_COMPLETED: LlmCompleted,
    event_types.ACTION_PROPOSED: ActionProposed,
    event_types.ACTION_EXECUTED: ActionExecuted,
    event_types.CUSTOMER_ACTED: CustomerActed,
    event_types.RESPONSE_PROPOSED: ResponseProposed,
    event_types.MESSAGE_SENT: MessageSent,
    event_types.EXECUTION_ENDED: ExecutionEnded,
    event_types.FEEDBACK_RECEIVED: FeedbackReceived,
    event_types.EVALUATION_SCORED: EvaluationScored,
}
