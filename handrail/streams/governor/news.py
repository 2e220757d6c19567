"""What one event adds to a conversation whose handoff is open: a message, an execution, a step of the customer's."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.event_types import ACTION_EXECUTED
from handrail.schemas.handoff_revision import NEWS_MAX
from handrail.streams.governor import calls, entries, excerpts
from handrail.streams.governor.entries import Entry, Message, ToolExecution
from handrail.streams.governor.fold_context import FoldContext
from handrail.streams.governor.redaction import NAMED, Taken, cut

CUSTOMER = ("customer", "customer_action")
WHAT = {
    "customer": "customer.wrote",
    "customer_action": "customer.acted",
    "assistant": "agent.wrote",
    "human_agent": "human.wrote",
}
TEXT_MAX = 300  # characters of one line of news; the whole text stands in the transcript


class News(NamedTuple):
    """`transcript` and `attempts` as a handoff has them, `lines` in short, `taken` what was redacted in them.

    `outdates`: an approval by whoever has not seen this must not release. It does so where the customer wrote or
    acted, and where a tool ran that is not known to read only.
    """

    transcript: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    taken: Taken
    outdates: bool
    cut: bool


NOTHING = News([], [], [], Taken(), outdates=False, cut=False)


def of(context: FoldContext, first_entry: int) -> News:
    """The news of this event, NOTHING where it added nothing. `first_entry` is the number of its first entry."""
    added = [
        entries.decode(context.conversation.added[at])
        for at in range(first_entry, context.conversation.head.entries_next)
    ]
    found = [entry for entry in added if isinstance(entry, Message | ToolExecution)]
    if not found:
        return NOTHING
    taken = Taken()
    said = [entry for entry in found if isinstance(entry, Message)]
    transcript = [_said(entry, f"transcript[{at}]", taken) for at, entry in enumerate(said)]
    done = [entry for entry in found if isinstance(entry, ToolExecution)]
    attempts = [_done(context, entry, f"attempts[{at}]", taken) for at, entry in enumerate(done)]
    outdates = any(entry.role in CUSTOMER for entry in said) or bool(done and _acts(context))
    return News(transcript, attempts, lines(found, -1), taken, outdates, any(entry.cut for entry in said))


def lines(found: Sequence[Entry], after_offset: int) -> list[dict[str, Any]]:
    """The latest NEWS_MAX messages and executions behind this offset, each in one line."""
    shown = [entry for entry in found if isinstance(entry, Message | ToolExecution) and entry.offset > after_offset]
    return [_line(entry) for entry in shown[-NEWS_MAX:]]


def _line(entry: Message | ToolExecution) -> dict[str, Any]:
    row: dict[str, Any] = {"at": to_rfc3339(entry.at_ms), "offset": entry.offset}
    taken = Taken()  # the same text is named where it stands whole
    if isinstance(entry, ToolExecution):
        return {"what": "action.ran", "tool": entry.tool, "action_id": entry.action_id, "status": entry.status, **row}
    return {"what": WHAT[entry.role], "text": cut(taken.text(entry.text, "text"), TEXT_MAX), **row}


def _said(entry: Message, path: str, taken: Taken) -> dict[str, Any]:
    text = taken.text(entry.text, f"{path}.text")
    return {"role": entry.role, "text": text, "at": to_rfc3339(entry.at_ms), "offset": entry.offset}


def _done(context: FoldContext, entry: ToolExecution, path: str, taken: Taken) -> dict[str, Any]:
    """The execution as an attempt: whoever knows the proposal with this action id joins the two."""
    arguments, redacted = excerpts.shown(context.data["arguments"], "arguments")
    for hidden in dict.fromkeys((*redacted, *entry.redacted)):
        taken.add(f"{path}.{hidden}", [NAMED])
    return {
        "step": entry.step,
        "action_id": entry.action_id,
        "tool": entry.tool,
        "arguments": taken.value(orjson.loads(arguments), f"{path}.arguments"),
        "decision_id": context.data.get("decision_id"),
        "verdict": "allow" if entry.governed else None,
        "status": entry.status,
        "result": taken.value(orjson.loads(entry.result), f"{path}.result"),
        "error": taken.value(entry.error or None, f"{path}.error"),
        "at": to_rfc3339(entry.at_ms),
        "offset": entry.offset,
    }


def _acts(context: FoldContext) -> bool:
    return context.event_type == ACTION_EXECUTED and calls.call_of(context, context.data).acts
