"""Handoffs on a terminal: the list, and one in full. All that others wrote is shown as text, never as markup."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from handrail.desk import words
from handrail.desk.board import HandoffCase

PROBLEM = 70
CONVERSATION = 20
URGENT = ("urgent", "high")


def listing(cases: Sequence[HandoffCase], short: int, now_ms: int) -> Table:
    """One row a handoff, in the order given."""
    table = Table(show_edge=False, pad_edge=False)
    table.add_column("handoff", no_wrap=True)
    table.add_column("conversation", no_wrap=True, max_width=CONVERSATION)
    for name in ("kind", "priority", "left", "queue", "state"):
        table.add_column(name, no_wrap=True)
    table.add_column("problem", overflow="fold")
    for case in cases:
        priority = str(case.record["priority"])
        late = case.due_ms is not None and case.due_ms <= now_ms and case.closed is None
        table.add_row(
            Text(words.line(case.id[:short])),
            Text(words.line(case.conversation_id)),
            Text(words.line(case.kind)),
            Text(words.line(priority), style="bold" if priority in URGENT else ""),
            Text("" if case.closed else words.left(case.due_ms, now_ms), style="red" if late else ""),
            Text(words.line(case.record["queue"])),
            Text(state(case)),
            Text(_problem(case)),
        )
    return table


def state(case: HandoffCase) -> str:
    """`open`, `claimed: ann`, `1 of 2 approved`, or how it was closed."""
    if case.closed is not None:
        return words.line(str(case.closed["cause"]))
    if case.approvals_needed > 1 and case.approved_by:
        return f"{len(case.approved_by)} of {case.approvals_needed} approved"
    return f"claimed: {words.line(case.claimed_by)}" if case.claimed_by else "open"


def _problem(case: HandoffCase) -> str:
    if case.pending is not None:
        return words.call(case.pending)
    said = words.line(case.record["problem"].get("summary") or case.record["problem"].get("text", ""))
    return said if len(said) <= PROBLEM else said[: PROBLEM - 1] + "…"


def full(console: Console, case: HandoffCase, title: str = "Handoff") -> None:
    """Everything a person needs to carry on."""
    record = case.record
    parts: list[RenderableType] = [_facts(case), Text()]
    if case.news:
        parts += [_news(case), Text()]
    if record["attempts"]:
        parts += [_attempts(record["attempts"]), Text()]
    if case.pending is not None:
        parts += [_pending(case), Text()]
    if record["said_to_customer"]:
        parts += [Text("Said to the customer", style="bold"), *map(_said, record["said_to_customer"]), Text()]
    if record["transcript"]:
        parts += [_transcript(record), Text()]
    parts.append(Text("next: " + " ".join(map(words.line, record["next_steps"])), style="italic"))
    console.print(Panel(Group(*parts), title=title, title_align="left"))


def _facts(case: HandoffCase) -> Table:
    record = case.record
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, said in _told(case, record):
        if said:
            table.add_row(name, Text(words.plain(said)))
    return table


def _told(case: HandoffCase, record: dict[str, Any]) -> list[tuple[str, str]]:
    customer, reason, log = record["customer"], record["reason"], record["log"]
    known = record["classification"] or {}
    return [
        ("handoff", f"{case.id} ({case.kind}, revision {record['revision']}, {state(case)})"),
        ("conversation", words.line(case.conversation_id)),
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
        ("claimed by", words.line(case.claimed_by or "")),
        ("follows", record["follows"] or ""),
        ("log", _pairs(log, "topic", "partition", "first_offset", "last_offset")),
        ("complete", _complete(record["completeness"])),
    ]


def _complete(found: dict[str, Any]) -> str:
    missing = ", ".join(map(words.line, found["missing"])) or "–"
    return f"{found['score']:.0%}, missing: {missing}"


def _news(case: HandoffCase) -> Group:
    """What happened since it was asked; it is marked in the transcript too."""
    shown = [Text(f"  {words.line(one['at'])}  {words.happened(one)}") for one in case.news]
    return Group(Text(f"New since it was asked (revision {case.record['revision']})", style="bold yellow"), *shown)


def _pending(case: HandoffCase) -> Table:
    pending = case.pending or {}
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("waits for a yes", Text(words.call(pending), style="bold"))
    for name, value in pending["arguments"].items():
        table.add_row("", Text(f"{words.line(name)} = {words.value(value)}"))
    table.add_row("until", Text(words.line(str(pending["expires_at"]))))
    table.add_row("digest", Text(words.line(str(pending["action_digest"]))))
    needed = case.approvals_needed
    by = ", ".join(map(words.line, case.approved_by)) or "nobody yet"
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
    for one in record["transcript"]:
        new = "new · " if one["offset"] > record["opened_offset"] else ""
        table.add_row(Text(new + words.line(one["role"]), style="bold" if new else ""), Text(words.plain(one["text"])))
    return table


def _said(text: str) -> Text:
    return Text(f"  “{words.plain(text)}”")
