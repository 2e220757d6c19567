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
from handrail.streams.governor.redaction import NAMED, Redactions, cut

CUSTOMER = ("customer", "customer_action")
WHAT = {
    "customer": "customer.wrote",
    "customer_action": "customer.acted",
    "assistant": "agent.wrote",
    "human_agent": "human.wrote",
}
TEXT_MAX = 300  # characters of one line of news; the whole text stands in the transcript


class News(NamedTuple):
    """`transcript` and `attempts` as a handoff has them, `lines` in short, `redactions` what was redacted in them.

    `outdates`: an approval by somebody who has not seen this must not release. It does so where the customer wrote or
    acted, and where a tool ran that is not known to read only.
    """

    transcript: list[dict[str, Any]]
    attempts: list[dict[str, Any]]
    lines: list[dict[str, Any]]
    redactions: Redactions
    outdates: bool
    cut: bool


NOTHING = News([], [], [], Redactions(), outdates=False, cut=False)


def of(context: FoldContext, first_entry: int) -> News:
    """The news of this event, NOTHING where it added nothing. `first_entry` is the number of its first entry."""
    added = [
        entries.decode(context.conversation.added[at])
        for at in range(first_entry, context.conversation.head.entries_next)
    ]
    news = [entry for entry in added if isinstance(entry, Message | ToolExecution)]
    if not news:
        return NOTHING
    redactions = Redactions()
    messages = [entry for entry in news if isinstance(entry, Message)]
    transcript = [_message(entry, f"transcript[{at}]", redactions) for at, entry in enumerate(messages)]
    executions = [entry for entry in news if isinstance(entry, ToolExecution)]
    attempts = [_execution(context, entry, f"attempts[{at}]", redactions) for at, entry in enumerate(executions)]
    outdates = any(entry.role in CUSTOMER for entry in messages) or bool(executions and _acts(context))
    return News(transcript, attempts, lines(news, -1), redactions, outdates, any(entry.cut for entry in messages))


def lines(entries: Sequence[Entry], after_offset: int) -> list[dict[str, Any]]:
    """The latest NEWS_MAX messages and executions after this offset, each in one line."""
    shown = [entry for entry in entries if isinstance(entry, Message | ToolExecution) and entry.offset > after_offset]
    return [_line(entry) for entry in shown[-NEWS_MAX:]]


def _line(entry: Message | ToolExecution) -> dict[str, Any]:
    row: dict[str, Any] = {"at": to_rfc3339(entry.at_ms), "offset": entry.offset}
    redactions = Redactions()  # the same text is named where it stands whole
    if isinstance(entry, ToolExecution):
        return {"what": "action.ran", "tool": entry.tool, "action_id": entry.action_id, "status": entry.status, **row}
    return {"what": WHAT[entry.role], "text": cut(redactions.text(entry.text, "text"), TEXT_MAX), **row}


def _message(entry: Message, path: str, redactions: Redactions) -> dict[str, Any]:
    text = redactions.text(entry.text, f"{path}.text")
    return {"role": entry.role, "text": text, "at": to_rfc3339(entry.at_ms), "offset": entry.offset}


def _execution(context: FoldContext, entry: ToolExecution, path: str, redactions: Redactions) -> dict[str, Any]:
    """The execution as an attempt: readers join it with the proposal by its action id."""
    arguments, redacted = excerpts.shown(context.data["arguments"], "arguments")
    for hidden in dict.fromkeys((*redacted, *entry.redacted)):
        redactions.add(f"{path}.{hidden}", [NAMED])
    return {
        "step": entry.step,
        "action_id": entry.action_id,
        "tool": entry.tool,
        "arguments": redactions.value(orjson.loads(arguments), f"{path}.arguments"),
        "decision_id": context.data.get("decision_id"),
        "verdict": "allow" if entry.governed else None,
        "status": entry.status,
        "result": redactions.value(orjson.loads(entry.result), f"{path}.result"),
        "error": redactions.value(entry.error or None, f"{path}.error"),
        "at": to_rfc3339(entry.at_ms),
        "offset": entry.offset,
    }


def _acts(context: FoldContext) -> bool:
    return context.event_type == ACTION_EXECUTED and calls.call_of(context, context.data).acts
