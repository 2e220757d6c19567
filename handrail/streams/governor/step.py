"""One agent event into one conversation: replay guard, what is learnt from it, the handler's answer."""

from functools import lru_cache
from typing import Any

from handrail.policies import Bundle
from handrail.schemas.event_types import RESOLUTION_COPY
from handrail.schemas.record import Record
from handrail.streams.governor import agent_identity, approvals, decision, handoff, replay_guard
from handrail.streams.governor.alerts import NOT_HISTORY, raise_alert
from handrail.streams.governor.calls import answer_of, call_of
from handrail.streams.governor.events import HANDLERS, HUMAN_AGENT
from handrail.streams.governor.fold_context import FoldContext, Reply
from handrail.streams.governor.state import PartitionState
from handrail.streams.governor.working_conversation import WorkingConversation

RULESETS_MAX = 16
PREFIX = "sha256:"
WORD_MAX = 64
SELDOM = frozenset({"agent_version", "channel", "locale", "customer"})


class Conflict(Exception):
    """The identity is known with other content; the record is refused."""


def step(
    conversation: WorkingConversation,
    partition: PartitionState,
    record: Record,
    raw: dict[str, Any],
    content: bytes,
    bundle: Bundle,
    active: bool,
    plain: bool = False,
) -> FoldContext:
    """Fold one agent event; the context holds the outputs.

    `raw` is the decoded envelope, `content` its canonical `data`. With `plain`, sorted JSON of any part of `data` is
    canonical. The conversation and the partition state are changed in place.

    Raises Conflict for a known identity with other content.
    """
    entry = replay_guard.entry_of(raw["source"], raw["id"], raw["type"], content)
    known, answer = replay_guard.lookup(conversation.guard, entry)
    if known and answer is None:
        raise Conflict
    context = context_of(conversation, partition, record, raw, bundle, active, not known, plain)
    if not (known or context.recorded) and raw["data"].get("recorded"):
        _not_history(context)
    if answer is not None:
        if answer != replay_guard.UNANSWERED:
            _repeat(context, answer, replay_guard.ends_ms(conversation.guard, entry))
        return context
    opened, first_entry = conversation.head.handoffs, conversation.head.entries_next
    reply: Reply = HANDLERS[raw["type"]].fold(context)
    if opened:
        handoff.follow(context, opened, first_entry)
    packed = replay_guard.UNANSWERED if reply is None else replay_guard.pack(*reply, _slot(context))
    conversation.remember(entry, packed, context.ends_ms)
    return context


def conflict(
    conversation: WorkingConversation,
    partition: PartitionState,
    record: Record,
    raw: dict[str, Any],
    bundle: Bundle,
    active: bool,
) -> FoldContext:
    """The context of a refused record: its `bypass` alert, nothing else."""
    context = context_of(conversation, partition, record, raw, bundle, active, learns=False)
    message = "the same source and id came again with other content"
    raise_alert(context, "bypass", "high", message, source=raw["source"], id=raw["id"])
    return context


def context_of(
    conversation: WorkingConversation,
    partition: PartitionState,
    record: Record,
    raw: dict[str, Any],
    bundle: Bundle,
    active: bool,
    learns: bool,
    plain: bool = False,
) -> FoldContext:
    """The context of an agent event; with `learns`, what it says of customer, agent and channel is kept."""
    data, head = raw["data"], conversation.head
    # In a person's message some put the person's id here: that makes nobody an agent.
    named = None if data.get("role") == HUMAN_AGENT else data.get("agent_id")
    if learns:
        _learn(conversation, data, record, named)
    # A person's answer has no agent: its fields of an agent's names are not validated.
    agent_data = {} if raw["type"] == RESOLUTION_COPY else data
    agent_id = (named if agent_data is data else None) or head.agent_id
    observed, stranger = False, ""
    if bundle.has_agents:
        observed, stranger = agent_identity.standing_of(bundle, agent_id, raw["source"], head.tenant, agent_data)
    recorded = bool(agent_data.get("recorded")) and agent_identity.is_recorded(bundle, raw["source"], agent_data)
    execution_id, now_ms = agent_data.get("execution_id") or conversation.id, partition.clock_ms
    execution = (
        conversation.execution(execution_id, agent_id, now_ms)
        if learns
        else conversation.known_execution(execution_id, now_ms)
    )
    # In the order of the fields: with their names it takes half a microsecond more.
    return FoldContext(
        conversation, partition, bundle, active, record.partition, record.offset, now_ms,
        raw["source"], raw["id"], raw["type"], data,
        execution, agent_id, head.tenant, bundle.limits(head.tenant, agent_id), observed,
        partition.ruleset, raw.get("traceparent"), recorded, [], plain,
        stranger,
    )  # fmt: skip


def _not_history(context: FoldContext) -> None:
    """`recorded: true` of a source that the bundle does not name changes nothing; an alert says so once."""
    head = context.conversation.head
    if head.not_history:
        return
    head.not_history = True
    raise_alert(context, "bypass", "medium", NOT_HISTORY, source=context.source)


def _learn(conversation: WorkingConversation, data: dict[str, Any], record: Record, agent_id: str | None) -> None:
    head = conversation.head
    if head.first_offset < 0:
        head.first_offset = record.offset
        head.tenant = data.get("tenant") or "default"
    if agent_id:
        head.agent_id = agent_id
    if not SELDOM.isdisjoint(data):
        _learn_more(conversation, data)


def _learn_more(conversation: WorkingConversation, data: dict[str, Any]) -> None:
    head = conversation.head
    if agent_version := data.get("agent_version"):
        head.agent_version = agent_version[:WORD_MAX]
    # Where the contract does not know them, anything may stand under these names.
    if (channel := data.get("channel")) and isinstance(channel, str):
        head.channel = channel[:WORD_MAX]
    if (locale := data.get("locale")) and isinstance(locale, str):
        head.locale = locale[:WORD_MAX]
    if customer := data.get("customer"):
        conversation.learn_customer(customer)


@lru_cache(16)
def _digest(ruleset: str) -> bytes:
    return bytes.fromhex(ruleset.removeprefix(PREFIX))


def _slot(context: FoldContext) -> int:
    """Where the head keeps the bundle that answers; the oldest of 16 makes room."""
    head, digest = context.conversation.head, _digest(context.ruleset)
    if digest in head.rulesets:
        return head.rulesets.index(digest)
    slot = head.rulesets_seen % RULESETS_MAX
    head.rulesets = [*head.rulesets[:slot], digest, *head.rulesets[slot + 1 :]]
    head.rulesets_seen += 1
    return slot


def _repeat(context: FoldContext, answer: int, ends_ms: int) -> None:
    """The same decision id, verdict, route and end again."""
    verdict, route, slot = replay_guard.unpack(answer)
    digest = context.conversation.head.rulesets[slot]
    context.ruleset = PREFIX + digest.hex() if digest else ""
    kind = HANDLERS[context.event_type].kind or "execution"
    call = {"action": call_of, "response": answer_of}.get(kind, lambda *_: None)(context, context.data)
    waiting = approvals.waiting(context, call) if call else None
    decision.emit(
        context,
        kind,
        verdict,
        [],
        route=route,
        action_id=call.action_id if call else None,
        digest=call.digest if call else None,
        handoff_id=waiting.handoff_id if waiting else None,
        expires_ms=ends_ms or None,
        repeat=True,
    )
