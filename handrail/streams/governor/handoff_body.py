"""The body of a handoff record: everything a human needs to carry on, from the entries; and that of an update."""

import re
from typing import Any

import orjson

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.handoff_revision import GAP, SAID_MAX, completeness_of
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.governor import news
from handrail.streams.governor.decision import classification
from handrail.streams.governor.entries import Entry, Message, Proposal, ToolExecution
from handrail.streams.governor.finding import VERDICTS
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.redaction import NAMED, REDACTED, Redactions, is_secret
from handrail.streams.governor.state import OpenHandoff

ATTEMPTS_WHOLE = 20
TRANSCRIPT_BYTES_MAX = 200_000
SUMMARY_TEXT_MAX = 120
REF = frozenset({"customer.ref"})  # by it a customer is known again, and forgotten
PENDING = frozenset(f"pending.{name}" for name in ("action_id", "tool", "action_digest", "effect", "expires_at"))
CUT = re.compile(r"[^ ]{0,64}…\Z|[0-9][0-9 -]{0,30}…\Z")
SHORT = ("step", "action_id", "tool", "verdict", "status", "offset")


def body(context: FoldContext, handoff: OpenHandoff, basis: dict[str, Any]) -> dict[str, Any]:
    """The `data` of a handoff; `basis` is what it says besides the log (see handoff.py).

    What must not be shown is marked where it stood, and named in `redacted` and `redactions`.
    """
    head, entries = context.conversation.head, context.conversation.entries()
    redactions = Redactions()
    for row in basis["redactions"]:
        redactions.add(row["path"], row["kinds"])
    customer = redactions.value(context.conversation.customer, "customer", REF)
    tried = attempts(entries, redactions)
    spoken, truncated = transcript(entries, redactions)
    data: dict[str, Any] = {
        **_known(context, handoff, basis),
        "news": news.lines(entries, basis["opened_offset"]),
        "channel": redactions.text(head.channel, "channel") or None,
        "locale": head.locale or None,
        "goal": redactions.text(context.conversation.goal or "", "goal") or None,
        "customer": customer,
        "contact": customer.get("contact"),
        "problem": problem(context, entries, basis["reasons"][0]["message"], redactions),
        "reasons": basis["reasons"],
        "attempts": tried,
        "pending": redactions.value(basis["pending"], "pending", PENDING),
        "transcript": spoken,
        "transcript_truncated": truncated,
        "said_to_customer": [line["text"] for line in spoken if line["role"] == "assistant"][-SAID_MAX:],
        "skills": basis["skills"],
        "due_at": basis["due_at"],
        "next_steps": basis["next_steps"],
        "promise": promise(context, basis["queue"]),
        "approvals": basis["approvals"],
        "follows": basis["follows"],
    }
    if "contact" in customer and (hidden := redactions.under("customer.contact")):
        redactions.add("contact", hidden)
    if basis.get("outcome"):
        data["outcome"] = basis["outcome"]
    data |= _redacted(redactions.rows())
    if redactions.more:
        data["redactions_more"] = redactions.more
    data["completeness"] = completeness(context, data)
    return data


def update(
    context: FoldContext, handoff: OpenHandoff, basis: dict[str, Any], new: news.News, changed: dict[str, Any]
) -> dict[str, Any]:
    """The `data` of a revision that holds only what is new since the one before it.

    `basis` is what the handoff says besides the log, `changed` what of it is new.
    """
    return {
        **_known(context, handoff, basis),
        "since": handoff.revision - 1,
        "news": new.lines,
        "attempts": new.attempts,
        "transcript": new.transcript,
        "transcript_truncated": new.cut,
        **_redacted([row for row in basis["redactions"] if row["path"].startswith("reason.")] + new.redactions.rows()),
        **changed,
    }


def _known(context: FoldContext, handoff: OpenHandoff, basis: dict[str, Any]) -> dict[str, Any]:
    """What each revision says, also one that holds only what is new."""
    known = {
        "handoff_id": handoff.id,
        "kind": basis["kind"],
        "revision": handoff.revision,
        "revision_min": handoff.revision_min,
        "opened_at": to_rfc3339(handoff.opened_ms),
        "opened_offset": basis["opened_offset"],
        "conversation_id": context.conversation.id,
        "execution_id": context.execution.id,
        "tenant": context.tenant,
        "agent_id": context.agent_id,
        "classification": classification(context),
        "reason": basis["reason"],
        "log": {
            "topic": AGENT_EVENTS,
            "partition": context.number,
            "first_offset": context.conversation.head.first_offset,
            "last_offset": context.offset,
        },
        "queue": basis["queue"],
        "priority": basis["priority"],
    }
    return known | {"recorded": True} if context.recorded else known


def _redacted(redactions: list[dict[str, Any]]) -> dict[str, Any]:
    rows = sorted(redactions, key=lambda row: row["path"])
    return {"redacted": [row["path"] for row in rows], "redactions": rows}


def attempts(entries: list[Entry], redactions: Redactions) -> list[dict[str, Any]]:
    """Every attempt in order, each proposal joined with its execution; beyond ATTEMPTS_WHOLE the older in short."""
    rows = _joined(entries)
    older, latest = rows[:-ATTEMPTS_WHOLE], rows[-ATTEMPTS_WHOLE:]
    in_full = [_shown(row, f"attempts[{at}]", redactions) for at, row in enumerate(latest, len(older))]
    return [{name: row[name] for name in SHORT} for row in older] + in_full


def _joined(entries: list[Entry]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    open_rows: dict[str, dict[str, Any]] = {}
    for entry in entries:
        if isinstance(entry, Proposal):
            open_rows[entry.action_id] = row = _tried(entry)
            rows.append(row)
        elif isinstance(entry, ToolExecution):
            if entry.action_id not in open_rows:
                open_rows[entry.action_id] = _ungoverned(entry)
                rows.append(open_rows[entry.action_id])
            row = open_rows[entry.action_id]
            if entry.status != "unknown":  # how it ended may follow
                del open_rows[entry.action_id]
            row["status"], row["result"] = entry.status, orjson.loads(entry.result)
            row["error"] = entry.error or None
            row["redacted"] = [*row["redacted"], *entry.redacted]
    return rows


def _shown(row: dict[str, Any], path: str, redactions: Redactions) -> dict[str, Any]:
    """An attempt as it may be shown; what its entry lacks already is named too."""
    for hidden in row.pop("redacted"):
        redactions.add(f"{path}.{hidden}", [NAMED])
    for name in ("arguments", "result", "error"):
        row[name] = redactions.value(row[name], f"{path}.{name}")
    return row


def shown_reason(reason: dict[str, Any], path: str, redactions: Redactions) -> dict[str, Any]:
    """A reason as it may be shown: where a rule names a field that is secret by its name, its value is not."""
    evidence = dict(reason["evidence"])
    if evidence.get("value") is not None and is_secret(str(evidence.get("field", "")).rpartition(".")[2]):
        evidence["value"] = REDACTED
        redactions.add(f"{path}.evidence.value", [NAMED])
    evidence = {name: _uncut(value) for name, value in evidence.items()}
    shown = redactions.value({"message": reason["message"], "evidence": evidence}, path)
    return {**reason, **shown}


def _uncut(value: Any) -> Any:
    """A text that was cut, without the number or word through which the cut went: it cannot be known any more."""
    return CUT.sub("…", value) if isinstance(value, str) and value.endswith("…") else value


def _tried(entry: Proposal) -> dict[str, Any]:
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


def _ungoverned(entry: ToolExecution) -> dict[str, Any]:
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


def transcript(entries: list[Entry], redactions: Redactions) -> tuple[list[dict[str, Any]], bool]:
    """What was said, oldest first, and whether any of it was cut: the first message and as many late ones as fit."""
    lines = [entry for entry in entries if isinstance(entry, Message)]
    room = TRANSCRIPT_BYTES_MAX
    late: list[Message] = []
    for line in reversed(lines):
        room -= len(line.text.encode()) + 64
        if room < 0:
            break
        late.append(line)
    chosen = [*lines[: 1 if len(late) < len(lines) else 0], *reversed(late)]
    truncated = len(chosen) < len(lines) or any(line.cut for line in chosen)
    rows = [
        {
            "role": line.role,
            "text": redactions.text(line.text, f"transcript[{at}].text"),
            "at": to_rfc3339(line.at_ms),
            "offset": line.offset,
        }
        for at, line in enumerate(chosen)
    ]
    return rows, truncated


def problem(context: FoldContext, entries: list[Entry], reason: str, redactions: Redactions) -> dict[str, Any]:
    """The customer's own words, first and latest, and one line about it (a template: the fold has no LLM)."""
    words = [entry.text for entry in entries if isinstance(entry, Message) and entry.role == "customer"]
    first = redactions.text(words[0], "problem.text") if words else ""
    text = first
    if len(words) > 1 and words[-1] != words[0]:
        text = f"{first}{GAP}{redactions.text(words[-1], 'problem.text')}"
    classification = context.conversation.head.classification
    topic = classification[1] if classification else "general"
    shown = first[:SUMMARY_TEXT_MAX] if words else "the customer has not written yet"
    tried = context.conversation.head.attempts
    summary = f"{topic}: “{shown}” — {tried} attempt{'' if tried == 1 else 's'} so far. {reason}"
    return {"text": text, "summary": " ".join(summary.split())}


def promise(context: FoldContext, queue: str) -> dict[str, Any]:
    """What may be promised to the customer, as far as the queue has said how it stands."""
    known = context.partition.queues.get(queue)
    if known is None:
        return {"open": None, "wait_s": None, "callback": None}
    return {"open": known[0], "wait_s": known[1], "callback": None}


def completeness(context: FoldContext, data: dict[str, Any]) -> dict[str, Any]:
    """Which of the things a human needs are there; each attempt on the log must be listed."""
    wanted = {
        "problem.text": bool(data["problem"]["text"]),
        "customer.ref": bool(data["customer"].get("ref")),
        "classification": data["classification"] is not None,
        "transcript": bool(data["transcript"]),
        "attempts": len(data["attempts"]) >= context.conversation.head.attempts,
    }
    return completeness_of(wanted)
