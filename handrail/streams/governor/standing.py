"""Findings from how things stand, whatever is proposed: no bundle, halted, owned by a human, mode, breaker, time."""

from handrail.schemas.identity import identity
from handrail.streams.governor import mode
from handrail.streams.governor.finding import BLOCK, HALT, REQUIRE_APPROVAL, Finding
from handrail.streams.governor.speaker import stranger
from handrail.streams.governor.state import ROUTES, STATE_LOST
from handrail.streams.governor.turn import Turn


def no_bundle(turn: Turn) -> Finding | None:
    """Without an activated bundle nothing is allowed."""
    if turn.active:
        return None
    return Finding("policy", BLOCK, "No policy bundle is active in this partition: start a worker with policies.", {})


def halted(turn: Turn) -> Finding | None:
    """After a halt everything is answered `halt`."""
    code = turn.case.head.halt
    if not code:
        return None
    why = "What was known of this conversation is lost" if code == STATE_LOST else "This conversation was halted"
    return Finding("halted", HALT, f"{why} ({code}).", {"halt": code})


def ended(turn: Turn) -> Finding | None:
    """An ended execution stays ended."""
    if not turn.execution.ended:
        return None
    message = f"Execution {turn.execution.id} has ended: go on in another execution."
    return Finding("halted", BLOCK, message, {"execution_id": turn.execution.id}, escalate=False)


def owned(turn: Turn) -> Finding | None:
    """A human owns the conversation until it is returned."""
    if not turn.case.head.owned:
        return None
    return Finding("owner.human", BLOCK, "A human owns this conversation.", {"owner": "human"}, escalate=False)


def moded(turn: Turn) -> Finding | None:
    """The agent's mode: `supervised` asks for approval, `human` blocks."""
    found = turn.case.head.classification
    intent = found[0] if found else ""
    said = mode.effective(turn.partition.modes, turn.agent_id, turn.tenant, intent, turn.case.id)
    if said == mode.AI:
        return None
    verdict = BLOCK if said == mode.HUMAN else REQUIRE_APPROVAL
    return Finding("agent.mode", verdict, f"Agent {turn.agent_id} is in mode {said}.", {"mode": said, "intent": intent})


def supervised(turn: Turn) -> Finding | None:
    """An earlier query put the conversation under supervision."""
    if ROUTES[turn.case.head.route] != "ai_supervised":
        return None
    return Finding("classification", REQUIRE_APPROVAL, "This conversation is supervised.", {"route": "ai_supervised"})


def broken(turn: Turn) -> Finding | None:
    """The agent's breaker is open."""
    if turn.partition.breakers.get(identity(turn.agent_id)) != "open":
        return None
    return Finding("breaker", BLOCK, f"The breaker of agent {turn.agent_id} is open.", {"state": "open"})


def overdue(turn: Turn) -> Finding | None:
    """The execution has run longer than it may."""
    limit_s = turn.limits.time_max_s
    spent_s = (turn.now_ms - turn.execution.started_ms) / 1000
    if limit_s is None or spent_s <= limit_s:
        return None
    message = f"The execution has run {spent_s:.0f} s, its limit is {limit_s} s."
    return Finding("limit.time", HALT, message, {"time_s": round(spent_s, 3), "time_max_s": limit_s})


def undisturbed(turn: Turn) -> bool:
    """Whether nothing of what is asked below can say anything: nearly always, so it saves asking eight times."""
    head, partition = turn.case.head, turn.partition
    return (
        turn.active
        and not (head.halt or head.owned or head.route or turn.execution.ended)
        and not (partition.modes or partition.breakers or turn.stranger)
        and turn.limits.time_max_s is None
    )


def of_proposal(turn: Turn, acts: bool) -> list[Finding]:
    """For an action or an answer; `acts` is false for a reading action, which a human's ownership does not stop."""
    if undisturbed(turn):
        return []
    always = (no_bundle(turn), stranger(turn), halted(turn), ended(turn), broken(turn), overdue(turn))
    acting = (owned(turn), moded(turn), supervised(turn)) if acts else ()
    return [finding for finding in (*always, *acting) if finding is not None]


def of_query(turn: Turn) -> list[Finding]:
    """For a query: may the AI answer it?"""
    found = (no_bundle(turn), stranger(turn), halted(turn), owned(turn), broken(turn), moded(turn), supervised(turn))
    return [finding for finding in found if finding is not None]
