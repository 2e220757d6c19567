"""Handoffs on a terminal: the list, and one in full. All that others wrote is shown as text, never as markup."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from handrail.desk import words
from handrail.desk.handoff_view import HandoffView

PROBLEM = 70
CONVERSATION = 20
URGENT = ("urgent", "high")


def listing(handoffs: Sequence[HandoffView], short: int, now_ms: int) -> Table:
    """One row a handoff, in the order given."""
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("handoff", no_wrap=True)
    table.add_column("conversation", no_wrap=True, max_width=CONVERSATION)
    for name in ("kind", "priority", "left", "queue", "state"):
        table.add_column(name, no_wrap=True)
    table.add_column("problem", overflow="fold")
    for handoff in handoffs:
        priority = str(handoff.record["priority"])
        late = handoff.due_ms is not None and handoff.due_ms <= now_ms and handoff.closed is None
        table.add_row(
            Text(words.line(handoff.id[:short])),
            Text(words.line(handoff.conversation_id)),
            Text(words.line(handoff.kind)),
            Text(words.line(priority), style="bold" if priority in URGENT else ""),
            Text("" if handoff.closed else words.left(handoff.due_ms, now_ms), style="red" if late else ""),
            Text(words.line(handoff.record["queue"])),
            Text(state(handoff)),
            Text(_problem(handoff)),
        )
    return table


def state(handoff: HandoffView) -> str:
    """`open`, `claimed: ann`, `1 of 2 approved`, or how it was closed."""
    if handoff.closed is not None:
        return words.line(str(handoff.closed["cause"]))
    if handoff.approvals_needed > 1 and handoff.approved_by:
        return f"{len(handoff.approved_by)} of {handoff.approvals_needed} approved"
    return f"claimed: {words.line(handoff.claimed_by)}" if handoff.claimed_by else "open"


def _problem(handoff: HandoffView) -> str:
    if handoff.pending is not None:
        return words.call(handoff.pending)
    text = words.line(handoff.record["problem"].get("summary") or handoff.record["problem"].get("text", ""))
    return text if len(text) <= PROBLEM else text[: PROBLEM - 1] + "…"


def full(console: Console, handoff: HandoffView, title: str = "Handoff") -> None:
    """Everything a person needs to carry on."""
    record = handoff.record
    parts: list[RenderableType] = [_facts(handoff), Text()]
    if handoff.news:
        parts += [_news(handoff), Text()]
    if record["attempts"]:
        parts += [_attempts(record["attempts"]), Text()]
    if handoff.pending is not None:
        parts += [_pending(handoff), Text()]
    if record["said_to_customer"]:
        parts += [Text("Said to the customer", style="bold"), *map(_quote, record["said_to_customer"]), Text()]
    if record["transcript"]:
        parts += [_transcript(record), Text()]
    parts.append(Text("next: " + " ".join(map(words.line, record["next_steps"])), style="italic"))
    console.print(Panel(Group(*parts), title=title, title_align="left"))


def _facts(handoff: HandoffView) -> Table:
    record = handoff.record
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in _fact_rows(handoff, record):
        if text:
            table.add_row(name, Text(words.plain(text)))
    return table


def _fact_rows(handoff: HandoffView, record: dict[str, Any]) -> list[tuple[str, str]]:
    customer, reason, log = record["customer"], record["reason"], record["log"]
    known = record["classification"] or {}
    return [
        ("handoff", f"{handoff.id} ({handoff.kind}, revision {record['revision']}, {state(handoff)})"),
        ("conversation", words.line(handoff.conversation_id)),
        (
            "customer",
            ", ".join(words.value(customer[name]) for name in ("ref", "tier", "account") if customer.get(name)),
        ),
        ("contact", words.value(record["contact"]) if record["contact"] else ""),
        ("problem", words.plain(record["problem"].get("text", ""))),
        ("in one line", words.line(record["problem"].get("summary", ""))),
        ("goal", words.plain(record["goal"] or "")),
        ("classified", words.line(_pairs(known, "topic", "intent", "risk", "complexity", "confidence"))),
        ("why", words.reason(reason)),
        ("rule", words.rule(reason)),
        ("evidence", words.line(_pairs(reason["evidence"], *reason["evidence"]))),
        ("queue", f"{words.line(record['queue'])}, priority {record['priority']}, due {record['due_at'] or '–'}"),
        ("claimed by", words.line(handoff.claimed_by or "")),
        ("follows", record["follows"] or ""),
        ("log", _pairs(log, "topic", "partition", "first_offset", "last_offset")),
        ("complete", _complete(record["completeness"])),
    ]


def _complete(completeness: dict[str, Any]) -> str:
    missing = ", ".join(map(words.line, completeness["missing"])) or "–"
    return f"{completeness['score']:.0%}, missing: {missing}"


def _news(handoff: HandoffView) -> Group:
    """What happened since it was asked; it is marked in the transcript too."""
    shown = [Text(f"  {words.line(news['at'])}  {words.happened(news)}") for news in handoff.news]
    return Group(Text(f"New since it was asked (revision {handoff.record['revision']})", style="bold yellow"), *shown)


def _pending(handoff: HandoffView) -> Table:
    pending = handoff.pending or {}
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("waits for a yes", Text(words.call(pending), style="bold"))
    for name, value in pending["arguments"].items():
        table.add_row("", Text(f"{words.line(name)} = {words.value(value)}"))
    table.add_row("until", Text(words.line(str(pending["expires_at"]))))
    table.add_row("digest", Text(words.line(str(pending["action_digest"]))))
    needed = handoff.approvals_needed
    by = ", ".join(map(words.line, handoff.approved_by)) or "nobody yet"
    table.add_row("approved by", Text(f"{by}; {needed} needed" if needed else by))
    return table


def _pairs(values: dict[str, Any], *names: str) -> str:
    return ", ".join(f"{name} {values[name]}" for name in names if values.get(name) is not None)


def _attempts(attempts: Sequence[dict[str, Any]]) -> Table:
    table = Table(
        "step", "tool", "arguments", "decision", "result", title="Attempts", title_justify="left", expand=True
    )
    for row in attempts:
        done = row.get("status") or "not executed"
        done = "unknown (may have run)" if done == "unknown" else done
        result = f"{done}: {words.value(row['result'])}" if row.get("result") is not None else done
        cells = (row["step"], row["tool"], row.get("arguments"), row["verdict"] or "never asked", result)
        table.add_row(*(Text(words.value(cell)) for cell in cells))
    return table


def _transcript(record: dict[str, Any]) -> Table:
    title = "Transcript (the older part is on the log)" if record["transcript_truncated"] else "Transcript"
    table = Table("who", "said", title=title, title_justify="left", expand=True)
    for row in record["transcript"]:
        new = "new · " if row["offset"] > record["opened_offset"] else ""
        table.add_row(Text(new + words.line(row["role"]), style="bold" if new else ""), Text(words.plain(row["text"])))
    return table


def _quote(text: str) -> Text:
    return Text(f"  “{words.plain(text)}”")
