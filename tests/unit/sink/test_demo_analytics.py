"""What the demo shows at its end, and what it waits for."""

from pathlib import Path

import pytest
from aiokafka import TopicPartition
from rich.console import Console

from handrail.demo import analytics
from handrail.demo.history import AGENT
from handrail.schemas.errors import SinkError
from handrail.schemas.topics import AGENT_EVENTS
from tests.book import Book, reason

EVENTS = TopicPartition(AGENT_EVENTS, 0)


def twelve_weeks(agent_id: str = AGENT) -> Book:
    book = Book()
    for day, cost_usd, csat in (("03-02", "0.40", 5), ("05-18", "0.20", 3), ("05-24", "0.20", 3)):
        name = f"c-{day}"
        asked = book.at(f"2026-{day} 09:00:00").event(name, "query.received", text="?", agent_id=agent_id)
        found = [reason("policy", policy_id="p", rule_id="r")]
        book.decision(asked, "route", intent="x", cost_usd=cost_usd, reasons=found, agent_id=agent_id)
        book.event(name, "execution.ended", outcome="resolved", agent_id=agent_id)
        book.event(name, "feedback.received", csat=csat, agent_id=agent_id)
    return book


def said(tmp_path: Path, cluster: str = "cluster-1") -> str:
    with (tmp_path / "said").open("w") as file:
        analytics.show_all(Console(width=100, file=file), tmp_path, cluster)
    return (tmp_path / "said").read_text()


def test_cost_and_satisfaction_stand_side_by_side(tmp_path: Path) -> None:
    twelve_weeks().store(tmp_path).close()
    shown = said(tmp_path)
    lines = {line.split()[2]: line for line in shown.splitlines() if "2026-" in line and "│" in line}
    assert "$0.400 ██████████     │   5.00 ██████████" in lines["2026-03-02"]
    assert "$0.200 █████░░░░░     │   3.00 ██████░░░░" in lines["2026-05-18"]
    assert "No alarm: in the last week cost was 50% and CSAT 40% below the first four weeks" in shown
    assert "p / r" in shown
    assert (tmp_path / "twelve-weeks.png").stat().st_size > 10_000
    assert f"handrail query \"FROM conversations WHERE conversation_id = 'refund-900'\" --data {tmp_path}" in shown


@pytest.mark.parametrize(("agent_id", "cluster"), [("shop", "cluster-1"), (AGENT, "older")])
def test_weeks_of_other_agents_and_clusters_are_not_shown(agent_id: str, cluster: str, tmp_path: Path) -> None:
    twelve_weeks(agent_id).store(tmp_path, cluster).close()
    assert "Cost beside satisfaction" not in said(tmp_path)


async def test_the_demo_waits_for_its_own_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = twelve_weeks()
    told.store(tmp_path, "mine").close()
    monkeypatch.setattr(analytics, "STORED_S_MAX", 0.3)
    await analytics.stored(tmp_path, {EVENTS: 9}, "mine")
    for ends, cluster in (({EVENTS: 10}, "mine"), ({EVENTS: 9}, "older"), ({EVENTS._replace(partition=1): 1}, "mine")):
        with pytest.raises(SinkError, match="has not stored the demo's records"):
            await analytics.stored(tmp_path, ends, cluster)
