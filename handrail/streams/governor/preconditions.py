"""Findings from how things stand, whatever is proposed: no bundle, halted, owned by a human, mode, breaker, time."""

from handrail.schemas.identity import identity
from handrail.streams.governor import mode
from handrail.streams.governor.agent_identity import stranger
from handrail.streams.governor.finding import BLOCK, HALT, REQUIRE_APPROVAL, Finding
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.state import ROUTES, STATE_LOST


def no_bundle(context: FoldContext) -> Finding | None:
    """Without an activated bundle nothing is allowed."""
    if context.active:
        return None
    return Finding("policy", BLOCK, "No policy bundle is active in this partition: start a worker with policies.", {})


def halted(context: FoldContext) -> Finding | None:
    """After a halt everything is answered `halt`."""
    code = context.conversation.head.halt
    if not code:
        return None
    why = "What was known of this conversation is lost" if code == STATE_LOST else "This conversation was halted"
    return Finding("halted", HALT, f"{why} ({code}).", {"halt": code})


def ended(context: FoldContext) -> Finding | None:
    """An ended execution stays ended."""
    if not context.execution.ended:
        return None
    message = f"Execution {context.execution.id} has ended: go on in another execution."
    return Finding("halted", BLOCK, message, {"execution_id": context.execution.id}, escalate=False)


def owned(context: FoldContext) -> Finding | None:
    """A human owns the conversation until it is returned."""
    if not context.conversation.head.owned:
        return None
    return Finding("owner.human", BLOCK, "A human owns this conversation.", {"owner": "human"}, escalate=False)


def agent_mode(context: FoldContext) -> Finding | None:
    """The agent's mode: `supervised` asks for approval, `human` blocks."""
    classification = context.conversation.head.classification
    intent = classification[0] if classification else ""
    effective = mode.effective(
        context.partition.modes, context.agent_id, context.tenant, intent, context.conversation.id
    )
    if effective == mode.AI:
        return None
    verdict = BLOCK if effective == mode.HUMAN else REQUIRE_APPROVAL
    return Finding(
        "agent.mode",
        verdict,
        f"Agent {context.agent_id} is in mode {effective}.",
        {"mode": effective, "intent": intent},
    )


def supervised(context: FoldContext) -> Finding | None:
    """An earlier query put the conversation under supervision."""
    if ROUTES[context.conversation.head.route] != "ai_supervised":
        return None
    return Finding("classification", REQUIRE_APPROVAL, "This conversation is supervised.", {"route": "ai_supervised"})


def breaker_open(context: FoldContext) -> Finding | None:
    """The agent's breaker is open."""
    if context.partition.breakers.get(identity(context.agent_id)) != "open":
        return None
    return Finding("breaker", BLOCK, f"The breaker of agent {context.agent_id} is open.", {"state": "open"})


def past_time_limit(context: FoldContext) -> Finding | None:
    """The execution has run longer than it may."""
    limit_s = context.limits.time_max_s
    spent_s = (context.now_ms - context.execution.started_ms) / 1000
    if limit_s is None or spent_s <= limit_s:
        return None
    message = f"The execution has run {spent_s:.0f} s, its limit is {limit_s} s."
    return Finding("limit.time", HALT, message, {"time_s": round(spent_s, 3), "time_max_s": limit_s})


def undisturbed(context: FoldContext) -> bool:
    """Whether nothing of what is asked below can say anything: nearly always, so it saves asking eight times."""
    head, partition = context.conversation.head, context.partition
    return (
        context.active
        and not (head.halt or head.owned or head.route or context.execution.ended)
        and not (partition.modes or partition.breakers or context.stranger)
        and context.limits.time_max_s is None
    )


def of_proposal(context: FoldContext, acts: bool) -> list[Finding]:
    """For an action or an answer; `acts` is false for a reading action, which a human's ownership does not stop."""
    if undisturbed(context):
        return []
    always = (
        no_bundle(context),
        stranger(context),
        halted(context),
        ended(context),
        breaker_open(context),
        past_time_limit(context),
    )
    acting = (owned(context), agent_mode(context), supervised(context)) if acts else ()
    return [finding for finding in (*always, *acting) if finding is not None]


def of_query(context: FoldContext) -> list[Finding]:
    """For a query: may the AI answer it?"""
    checked = (
        no_bundle(context),
        stranger(context),
        halted(context),
        owned(context),
        breaker_open(context),
        agent_mode(context),
        supervised(context),
    )
    return [finding for finding in checked if finding is not None]
