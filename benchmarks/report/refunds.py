"""What the published refund policy did, with and without a `tools.yaml` that says where the amounts stand."""

from collections import Counter
from pathlib import Path
from typing import Any

import orjson

from benchmarks.report import domains
from benchmarks.report.tables import table
from handrail.schemas.record import Record

REFUND_TOOLS = {
    "airline": ("send_certificate", "cancel_reservation"),
    "retail": ("cancel_pending_order", "return_delivered_order_items"),
}
HEADER = (
    "domain",
    "tools.yaml",
    "calls judged",
    "rules skipped: no such field",
    "needs approval",
    "blocked",
    "calls that give money back",
)


def section(log: list[Record], policy: Path) -> str:
    rows = [_row(domain, log, policy, mapped) for domain in REFUND_TOOLS for mapped in (False, True)]
    return f"""\
## The published refund policy
The policy published with the Klarna post-mortem wants approval for refunds above $100 and blocks them above $500. Its
field `refund_amount_usd` stands in no recorded call: as published it can do nothing here, and each decision says so in
`skipped`. With a few lines of [tools.yaml](../benchmarks/report/tools) that say where each tool's amount stands, it
acts:

{table(HEADER, rows)}
The airline's `cancel_reservation` and the shop's orders name no amount, so it is a fact from the look-up of that very
reservation or order, never the agent's own words. What is cancelled without having been looked up is blocked, because
nothing is known of it. For returns it is what the whole order cost.
"""


def _row(domain: str, log: list[Record], policy: Path, mapped: bool) -> tuple[object, ...]:
    events = domains.folded(log, domain, mapped=mapped, policy=policy).events()
    actions = [
        event["data"] for event in events if event["data"].get("kind") == "action" and "verdict" in event["data"]
    ]
    fired = Counter(map(_strictest, actions))
    return (
        domain,
        "with" if mapped else "without",
        f"{len(actions):,}",
        f"{sum(bool(action['skipped']) for action in actions):,}",
        fired["require_approval"],
        fired["block"],
        sum(_gives_back(record, domain) for record in domains.of(log, domain)),
    )


def _strictest(decision: dict[str, Any]) -> str | None:
    """What the policy itself said; the first of its rules that fired is the most restrictive."""
    return next((str(reason["action"]) for reason in decision["reasons"] if reason["code"] == "policy"), None)


def _gives_back(record: Record, domain: str) -> bool:
    event = orjson.loads(record.value or b"")
    return bool(event["type"] == "handrail.action.proposed.v1" and event["data"]["tool"] in REFUND_TOOLS[domain])
