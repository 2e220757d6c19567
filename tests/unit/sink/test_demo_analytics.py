"""What the demo shows at its end, and what it waits for."""

from pathlib import Path

import pytest
from aiokafka import TopicPartition
from rich.console import Console

from handrail.demo import analytics
from handrail.schemas.errors import SinkError
from handrail.schemas.topics import AGENT_EVENTS
from tests.book import Book, reason

EVENTS = TopicPartition(AGENT_EVENTS, 0)


def two_days_and_today() -> Book:
    told = Book()
    for day, cost_usd, csat in (("02", "0.40", 5), ("03", "0.20", 3), ("04", "9.00", 4)):
        name = f"c-{day}"
        asked = told.at(f"2026-03-{day} 09:00:00").event(name, "query.received", text="?")
        told.decision(
            asked, "route", intent="x", cost_usd=cost_usd, reasons=[reason("policy", policy_id="p", rule_id="r")]
        )
        told.event(name, "execution.ended", outcome="resolved")
        told.event(name, "feedback.received", csat=csat)
    return told


def test_cost_and_satisfaction_stand_side_by_side(tmp_path: Path) -> None:
    two_days_and_today().store(tmp_path).close()
    console = Console(width=80, record=True, quiet=False, file=(tmp_path / "said").open("w"))
    analytics.show_all(console, tmp_path)
    console.file.close()
    said = (tmp_path / "said").read_text()
    lines = {line.split()[0]: line for line in said.splitlines() if line.strip().startswith("2026")}
    assert "$0.400 ██████████ │   5.00 ██████████" in lines["2026-03-02"]
    assert "$0.200 █████░░░░░ │   3.00 ██████░░░░" in lines["2026-03-03"]
    assert "cost $0.400 → $0.200 (-50%), CSAT 5.00 → 3.00" in said
    assert "p / r" in said
    assert f"handrail query \"FROM conversations WHERE conversation_id = 'refund-900'\" --data {tmp_path}" in said


async def test_the_demo_waits_for_its_own_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = two_days_and_today()
    told.store(tmp_path, "mine").close()
    monkeypatch.setattr(analytics, "STORED_S_MAX", 0.3)
    await analytics.stored(tmp_path, {EVENTS: 9}, "mine")
    for ends, cluster in (({EVENTS: 10}, "mine"), ({EVENTS: 9}, "older"), ({EVENTS._replace(partition=1): 1}, "mine")):
        with pytest.raises(SinkError, match="has not stored the demo's records"):
            await analytics.stored(tmp_path, ends, cluster)
