"""What the governor writes: decisions, handoffs, alerts, dead letters."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from handrail.schemas import event_types
from handrail.schemas.fields import Count, Digest, Json, Money, Name, Position, Shape, Share, Time

Verdict = Literal["allow", "require_approval", "block", "halt"]
Route = Literal["ai", "ai_supervised", "human"]


class Reason(Shape):
    """One rule or detector that fired.

    `code`: `policy`, `loop.repeat`, `loop.cycle`, `loop.response`, `loop.customer`, `limit.steps`, `limit.cost`,
    `limit.time`, `budget`, `confidence`, `breaker`, `agent.mode`, `agent.source` (the agent's entry does not list where
    this comes from), `agent.tenant` (nor for whom), `model.unverified`, `owner.human`, `halted`, `classification`,
    `customer.asked`, `approval.granted`, `approval.denied`, `approval.expired`.
    """

    code: Name
    policy_id: str | None = None
    rule_id: str | None = None
    action: Verdict
    mode: Literal["enforce", "shadow"]
    message: str
    evidence: dict[str, Json]


class Answered(Shape):
    """The record that a decision answers."""

    source: str
    id: Name
    type: str


class LimitsUsed(Shape):
    """What an execution has used of its limits; what its `unknown_calls` cost is not in `cost_usd`."""

    steps: Count
    steps_max: Count
    cost_usd: Money
    cost_usd_max: Money
    unpriced_tokens: Count
    unknown_calls: Count | None = None
    loop_run: Count
    loop_max: Count


class Classification(Shape):
    """What a query was understood as."""

    intent: str | None
    topic: str
    risk: Literal["low", "medium", "high"]
    complexity: Literal["simple", "moderate", "complex"]
    confidence: Share
    wants_human: bool
    model: str


class Chain(Shape):
    """Where a decision stands among its conversation's (`chain.py`)."""

    since: Count
    before: Count
    digest: Digest


class Signature(Shape):
    """One Ed25519 signature over the root of a Merkle tree with this decision in it (schemas/signature.py)."""

    key_id: str
    root: Digest
    index: Count
    size: Count
    path: list[Digest]
    value: str


class Decision(Shape):
    """`handrail.decision.v1`: what an agent waits for."""

    decision_id: Digest
    for_: Annotated[Answered, Field(alias="for")]
    kind: Literal["route", "llm", "action", "response", "execution", "release"]
    verdict: Verdict
    route: Route
    agent_id: str
    conversation_id: Name
    execution_id: Name
    tenant: Name
    reasons: list[Reason]
    skipped: list[dict[str, Json]]
    customer_message: str | None
    action_id: str | None
    action_digest: Digest | None
    handoff_id: str | None
    expires_at: Time | None
    usage: LimitsUsed
    classification: Classification | None
    ruleset: str
    position: Position
    chain: Chain | None = None
    signature: Signature | None = None
    repeat: bool | None = None
    recorded: bool | None = None
    enforcement: Literal["observe"] | None = None


class Completeness(Shape):
    """Which of the things a human needs are there."""

    score: Share
    missing: list[str]


class Redaction(Shape):
    """What was taken out at one place: `card`, `email` and the like."""

    path: str
    kinds: list[str]


class News(Shape):
    """One thing that happened in the conversation while its handoff was open, in short."""

    what: Literal["customer.wrote", "customer.acted", "agent.wrote", "human.wrote", "action.ran"]
    text: str | None = None
    tool: str | None = None
    action_id: str | None = None
    status: str | None = None
    at: Time
    offset: Count


IN_FULL = frozenset({
    "channel", "locale", "goal", "customer", "contact", "problem", "reasons", "pending", "said_to_customer", "skills",
    "due_at", "next_steps", "promise", "approvals", "follows", "completeness",
})  # fmt: skip
"""What a revision without `since` always has; with `since` what is not there has not changed."""


class Handoff(Shape):
    """`handrail.handoff.v1`: everything a human needs to carry on.

    A revision without `since` replaces the ones before it. One with `since` adds to that revision what happened in the
    conversation: its `transcript`, `attempts` and `news` hold only that, and what it leaves out is as it was.
    """

    model_config = ConfigDict(
        json_schema_extra={"if": {"not": {"required": ["since"]}}, "then": {"required": [*sorted(IN_FULL)]}}
    )

    handoff_id: Name
    kind: Literal["route", "approval", "escalation"]
    revision: Annotated[int, Field(ge=1)]
    since: Annotated[int, Field(ge=1)] | None = None
    revision_min: Annotated[int, Field(ge=1, description="An approval of an earlier revision does not release.")]
    opened_at: Time
    opened_offset: Annotated[int, Field(ge=0, description="What lies after it on the log is new since it was opened.")]
    news: list[News]
    conversation_id: Name
    execution_id: Name
    tenant: Name
    agent_id: str
    channel: str | None = None
    locale: str | None = None
    goal: str | None = None
    customer: dict[str, Json] | None = None
    contact: Json = None
    problem: dict[str, str] | None = None
    classification: Classification | None
    reason: Reason
    reasons: list[Reason] | None = None
    attempts: list[dict[str, Json]]
    pending: dict[str, Json] | None = None
    transcript: list[dict[str, Json]]
    transcript_truncated: bool
    said_to_customer: list[str] | None = None
    log: dict[str, Json]
    queue: str
    skills: list[str] | None = None
    priority: str
    due_at: Time | None = None
    next_steps: list[str] | None = None
    promise: dict[str, Json] | None = None
    approvals: dict[str, Json] | None = None
    follows: str | None = None
    outcome: str | None = None
    redacted: list[str]
    redactions: list[Redaction] | None = None
    redactions_more: Count | None = None
    completeness: Completeness | None = None

    @model_validator(mode="after")
    def _full_or_update(self) -> Self:
        if self.since is None and (missing := sorted(IN_FULL - self.model_fields_set)):
            raise ValueError(f"{', '.join(missing)}: a revision without `since` has to have it")
        if self.since is not None and self.since >= self.revision:
            raise ValueError("since: has to be below `revision`")
        return self


class Closed(Shape):
    """`handrail.handoff.closed.v1`."""

    handoff_id: Name
    cause: Literal["resolved", "expired", "withdrawn", "superseded"]
    owner: Literal["ai", "human"]


class Alert(Shape):
    """`handrail.alert.v1`."""

    alert_id: Name
    kind: Literal[
        "drift", "divergence", "breaker", "model", "budget", "bypass", "completeness", "sla", "unknown", "memory"
    ]
    severity: Literal["low", "medium", "high"]
    about: dict[str, Json]
    since: Time
    from_: Annotated[str, Field(alias="from")]
    to: Time
    evidence: dict[str, Json]
    examples: list[str]
    redactions: list[Redaction] | None = None
    redactions_more: Count | None = None


class DeadLetter(Shape):
    """`handrail.deadletter.v1`: a dead letter as `replay` prints it."""

    reason: str
    topic: str
    partition: Count
    offset: Count
    value_base64: str


OUTPUTS: dict[str, type[Shape]] = {
    event_types.DECISION: Decision,
    event_types.HANDOFF: Handoff,
    event_types.HANDOFF_CLOSED: Closed,
    event_types.ALERT: Alert,
    event_types.DEAD_LETTER: DeadLetter,
}
