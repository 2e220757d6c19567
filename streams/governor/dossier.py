"""The body of a handoff record: everything a human needs to carry on, put together from the entries."""

from typing import Any

import orjson

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.governor import entries
from handrail.streams.governor.decision import classification
from handrail.streams.governor.entries import Done, Entry, Said, Tried
from handrail.streams.governor.finding import VERDICTS
from handrail.streams.governor.state import OpenHandoff
from handrail.streams.governor.turn import Turn

ATTEMPTS_WHOLE = 20
TRANSCRIPT_BYTES_MAX = 200_000
SAID_MAX = 5
SUMMARY_TEXT_MAX = 120
SHORT = ("step", "action_id", "tool", "verdict", "status", "offset")


def body(turn: Turn, handoff: OpenHandoff, basis: dict[str, Any]) -> dict[str, Any]:
    """The `data` of a handoff; `basis` is what it says besides the log (see handoff.py)."""
    head, kept = turn.case.head, turn.case.entries()
    customer, redacted = entries.redact(turn.case.customer, "customer")
    tried, tried_redacted = attempts(kept)
    spoken, truncated = transcript(kept)
    found = classification(turn)
    data: dict[str, Any] = {
        "handoff_id": handoff.id,
        "kind": basis["kind"],
        "revision": handoff.revision,
        "opened_at": to_rfc3339(handoff.opened_ms),
        "conversation_id": turn.case.id,
        "execution_id": turn.execution.id,
        "tenant": turn.tenant,
        "agent_id": turn.agent_id,
        "channel": head.channel or None,
        "locale": head.locale or None,
        "goal": turn.case.goal,
        "customer": customer,
        "contact": customer.get("contact"),
        "problem": problem(turn, kept, basis),
        "classification": found,
        "reason": basis["reason"],
        "reasons": basis["reasons"],
        "attempts": tried,
        "pending": basis["pending"],
        "transcript": spoken,
        "transcript_truncated": truncated,
        "said_to_customer": [line["text"] for line in spoken if line["role"] == "assistant"][-SAID_MAX:],
        "log": {
            "topic": AGENT_EVENTS,
            "partition": turn.number,
            "first_offset": head.first_offset,
            "last_offset": turn.offset,
        },
        "queue": basis["queue"],
        "skills": basis["skills"],
        "priority": basis["priority"],
        "due_at": basis["due_at"],
        "next_steps": basis["next_steps"],
        "promise": promise(turn, basis["queue"]),
        "approvals": basis["approvals"],
        "follows": basis["follows"],
        "redacted": sorted({*redacted, *tried_redacted, *basis["redacted"]}),
    }
    if basis.get("outcome"):
        data["outcome"] = basis["outcome"]
    if turn.recorded:
        data["recorded"] = True
    data["completeness"] = completeness(turn, data)
    return data


def attempts(kept: list[Entry]) -> tuple[list[dict[str, Any]], list[str]]:
    """Every attempt in order, each proposal joined with its execution, and the redacted paths of those shown whole."""
    rows: list[dict[str, Any]] = []
    open_rows: dict[str, dict[str, Any]] = {}
    for entry in kept:
        if isinstance(entry, Tried):
            open_rows[entry.action_id] = row = _tried(entry)
            rows.append(row)
        elif isinstance(entry, Done):
            if entry.action_id not in open_rows:
                open_rows[entry.action_id] = _ungoverned(entry)
                rows.append(open_rows[entry.action_id])
            row = open_rows.pop(entry.action_id)
            row["status"], row["result"] = entry.status, orjson.loads(entry.result)
            row["error"] = entry.error or None
            row["redacted"] = [*row["redacted"], *entry.redacted]
    older, latest = rows[:-ATTEMPTS_WHOLE], rows[-ATTEMPTS_WHOLE:]
    redacted = [path for row in latest for path in row.pop("redacted")]
    return [{name: row[name] for name in SHORT} for row in older] + latest, redacted


def _tried(entry: Tried) -> dict[str, Any]:
    return {
        "step": entry.step,
        "action_id": entry.action_id,
        "tool": entry.tool,
        "arguments": orjson.loads(entry.arguments),
        "decision_id": entry.decision_id,
        "verdict": VERDICTS[entry.verdict],
        "status": None,
        "result": None,
        "error": None,
        "at": to_rfc3339(entry.at_ms),
        "offset": entry.offset,
        "redacted": entry.redacted,
    }


def _ungoverned(entry: Done) -> dict[str, Any]:
    return {
        "step": entry.step,
        "action_id": entry.action_id,
        "tool": entry.tool,
        "arguments": orjson.loads(entry.arguments or b"null"),
        "decision_id": None,
        "verdict": None,
        "at": to_rfc3339(entry.at_ms),
        "offset": entry.offset,
        "redacted": [],
    }


def transcript(kept: list[Entry]) -> tuple[list[dict[str, Any]], bool]:
    """What was said, oldest first, and whether any of it was cut: the first message and as many late ones as fit."""
    lines = [entry for entry in kept if isinstance(entry, Said)]
    room = TRANSCRIPT_BYTES_MAX
    late: list[Said] = []
    for line in reversed(lines):
        room -= len(line.text.encode()) + 64
        if room < 0:
            break
        late.append(line)
    chosen = [*lines[: 1 if len(late) < len(lines) else 0], *reversed(late)]
    truncated = len(chosen) < len(lines) or any(line.cut for line in chosen)
    return [
        {"role": line.role, "text": line.text, "at": to_rfc3339(line.at_ms), "offset": line.offset} for line in chosen
    ], truncated


def problem(turn: Turn, kept: list[Entry], basis: dict[str, Any]) -> dict[str, Any]:
    """The customer's own words, first and latest, and one line about it (a template: the fold has no LLM)."""
    words = [entry.text for entry in kept if isinstance(entry, Said) and entry.role == "customer"]
    text = words[0] if words else ""
    if len(words) > 1 and words[-1] != words[0]:
        text = f"{words[0]}\n…\n{words[-1]}"
    found = turn.case.head.classification
    topic = found[1] if found else "general"
    shown = words[0][:SUMMARY_TEXT_MAX] if words else "the customer has not written yet"
    tried = turn.case.head.attempts
    summary = f"{topic}: “{shown}” — {tried} attempt{'' if tried == 1 else 's'} so far. {basis['reason']['message']}"
    return {"text": text, "summary": " ".join(summary.split())}


def promise(turn: Turn, queue: str) -> dict[str, Any]:
    """What may be promised to the customer, as far as the queue has said how it stands."""
    known = turn.partition.queues.get(queue)
    if known is None:
        return {"open": None, "wait_s": None, "callback": None}
    return {"open": known[0], "wait_s": known[1], "callback": None}


def completeness(turn: Turn, data: dict[str, Any]) -> dict[str, Any]:
    """Which of the things a human needs are there; each attempt on the log must be listed."""
    wanted = {
        "problem.text": bool(data["problem"]["text"]),
        "customer.ref": bool(data["customer"].get("ref")),
        "classification": data["classification"] is not None,
        "transcript": bool(data["transcript"]),
        "attempts": len(data["attempts"]) >= turn.case.head.attempts,
    }
    missing = [name for name, there in wanted.items() if not there]
    return {"score": round(1 - len(missing) / len(wanted), 4), "missing": missing}
