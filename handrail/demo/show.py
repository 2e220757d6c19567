"""What the demo prints: tables for people, from decisions, one handoff and the analytics database."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from handrail.demo.chat import Moment
from handrail.desk.handoff_view import HandoffView
from handrail.desk.show import full

COLOURS = {"allow": "green", "require_approval": "yellow", "block": "red", "halt": "bold red"}
WORDS = {"allow": "allowed", "require_approval": "waits", "block": "blocked", "halt": "HALTED"}


def decisions(console: Console, title: str, moments: Sequence[Moment]) -> None:
    """One conversation: what was tried, what was decided, why, and how long the agent waited."""
    table = Table(title=title, title_justify="left", title_style="bold", expand=True, show_edge=False, pad_edge=False)
    table.add_column("what was tried", ratio=5, overflow="fold")
    table.add_column("decision", width=13, no_wrap=True)
    table.add_column("why", ratio=5, overflow="fold")
    table.add_column("ms", justify="right", width=5)
    for moment in moments:
        shown = verdict(moment.decision)
        waited = f"{moment.waited_ms:.0f}" if moment.waited_ms else "–"
        table.add_row(moment.tried, shown, why(moment.decision), waited)
    console.print(table)
    console.print()


def verdict(decision: dict[str, Any]) -> Text:
    """The verdict in a word; of a query, who answers it."""
    if decision["kind"] == "route":
        route = decision["route"]
        return Text(f"→ {route.replace('_', ' ')}", style="green" if route == "ai" else "yellow")
    return Text(WORDS[decision["verdict"]], style=COLOURS[decision["verdict"]])


def why(decision: dict[str, Any]) -> str:
    """The most restrictive reason, with the rule it comes from."""
    if not decision["reasons"]:
        classification = decision["classification"]
        return (
            f"topic {classification['topic']}, risk {classification['risk']}"
            if classification
            else "nothing stands against it"
        )
    first = decision["reasons"][0]
    rule = f"{first['policy_id']}/{first['rule_id']}" if first["policy_id"] else first["code"]
    more = len(decision["reasons"]) - 1
    return f"{rule}: {first['message']}" + (f" (+{more} more)" if more else "")


def handoff(console: Console, data: dict[str, Any]) -> None:
    """One handoff in full, as a human gets it."""
    full(console, HandoffView(data), "One handoff, as a human gets it")


def alerts(console: Console, records: Sequence[dict[str, Any]]) -> None:
    """The alerts that operators get."""
    for alert in records:
        about = ", ".join(f"{name} {alert['about'][name]}" for name in ("agent_id", "conversation_id"))
        line = Text.assemble(("ALERT ", "bold red"), f"{alert['kind']} ({alert['severity']}): {alert['message']}")
        console.print(line.append(f" [{about}]", style="dim"))
    console.print()
