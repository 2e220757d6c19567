"""One case through the fold: a new partition, a short conversation, and the outcome of its last event."""

from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from handrail.policies import Bundle
from handrail.policies.case import CaseEvent, PolicyCase
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.replay import shown

START_MS, SECOND_MS = 1_764_000_000_000, 1_000
CONVERSATION, AGENT, SOURCE = "case", "agent", "/cases"
RESPONSE = "handrail.response.proposed.v1"
QUERY = "handrail.query.received.v1"
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of the last event. `refused`: why it is a dead letter; then nothing else is known.

    `rules` are `policy/rule` in the order of the decision, `skipped` has the field after it, `codes` are those of
    other reasons than rules, `handoff` is the kind of the handoff that this event opened. `first` is the reason of the
    first rule among those that the case compares.
    """

    verdict: str = "none"
    route: str = "none"
    rules: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    handoff: str = "none"
    customer_message: str | None = None
    first: dict[str, Any] | None = None
    refused: str | None = None


def decide(case: PolicyCase, bundle: Bundle) -> Outcome:
    """What the bundle decides on the last event of the case, in a partition of its own."""
    timed = list(_events(case))
    events = [event for _, event in timed]
    fold = PartitionFold(0, None, {bundle.ruleset: bundle}, bundle.ruleset)
    records = [_record(at, now_ms, event) for at, (now_ms, event) in enumerate(timed)]
    decision, handoff = None, "none"
    for output in map(shown, fold.fold(records).outputs):
        if output["type"] == "handrail.deadletter.v1":
            return Outcome(refused=_refusal(output["data"]))
        data = output["data"]
        if output["type"] == "handrail.decision.v1" and data["for"]["id"] == events[-1]["id"]:
            decision = data
        elif output["type"] == "handrail.handoff.v1" and _opened_by(data, len(events) - 1):
            handoff = data["kind"]
    return Outcome() if decision is None else _outcome(case, decision, handoff)


def _opened_by(handoff: dict[str, Any], offset: int) -> bool:
    return bool(handoff["log"]["last_offset"] == offset and handoff["revision"] == 1)


def _record(at: int, now_ms: int, event: Event) -> Record:
    return Record(AGENT_EVENTS, 0, at, now_ms, CONVERSATION.encode(), orjson.dumps(event))


def _events(case: PolicyCase) -> Iterator[tuple[int, Event]]:
    """The CloudEvents of a case and when they come, a second apart unless the case says more."""
    at, now_ms = 0, START_MS - SECOND_MS
    for event in (*case.before, case.judged):
        now_ms += event.after_ms - SECOND_MS
        for record_type, data in _records_of(event, at):
            now_ms += SECOND_MS
            yield (
                now_ms,
                {
                    "specversion": "1.0",
                    "id": f"e{at}",
                    "source": SOURCE,
                    "type": record_type,
                    "subject": CONVERSATION,
                    "time": to_rfc3339(now_ms),
                    "data": data,
                },
            )
            at += 1


def _records_of(event: CaseEvent, at: int) -> Iterator[tuple[str, Event]]:
    """The records of one event: an action with a result is proposed, then executed."""
    data = {"conversation_id": CONVERSATION, **event.data}
    if event.type != QUERY:
        data.setdefault("agent_id", AGENT)
    if event.type == RESPONSE:
        data.setdefault("response_id", f"r{at}")
    elif "tool" in data:
        data.setdefault("action_id", f"a{at}")
    elif event.type == QUERY:
        data.setdefault("text", "")
    yield event.type, data
    if event.executed is not None:
        yield "handrail.action.executed.v1", {**data, **event.executed}


def _refusal(letter: dict[str, Any]) -> str:
    event = orjson.loads(b64decode(letter["value_base64"]))
    return f"{event['type']} is no record of the contract: {letter['reason']}"


def _outcome(case: PolicyCase, decision: dict[str, Any], handoff: str) -> Outcome:
    ruled = [each for each in decision["reasons"] if each["code"] == "policy" and each.get("policy_id")]
    compared = [each for each in ruled if not case.policies or each["policy_id"] in case.policies]
    return Outcome(
        verdict=decision["verdict"],
        route=decision["route"],
        rules=tuple(f"{each['policy_id']}/{each['rule_id'] or '(default)'}" for each in ruled),
        skipped=tuple(f"{each['policy_id']}/{each['rule_id']} {each['field']}" for each in decision["skipped"]),
        codes=tuple(each["code"] for each in decision["reasons"] if each not in ruled),
        handoff=handoff,
        customer_message=decision.get("customer_message"),
        first=compared[0] if compared else None,
    )
