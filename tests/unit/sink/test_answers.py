"""The views that answer what people ask, beside what was counted by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest

from handrail.schemas.topics import AGENT_EVENTS, RESOLUTIONS
from handrail.streams.sink.database import LIVE, connect
from handrail.streams.sink.schema import views
from handrail.streams.sink.store import Store
from tests.book import Book, reason, rows

GPT = {"provider": "p", "name": "gpt"}


def rule(rule_id: str, action: str, mode: str = "enforce") -> dict[str, Any]:
    return reason("policy", policy_id="refunds", rule_id=rule_id, action=action, mode=mode)


def rules_fire(book: Book) -> None:
    """`high` blocks an unhappy and a content customer, and watches; `middle` asks: once approved, once denied."""
    book.at("2026-03-02 10:00:00")
    for name, reasons, csat in (
        ("blocked-1", [rule("high", "block"), rule("middle", "require_approval")], 1),
        ("blocked-2", [rule("high", "block")], 5),
        ("watched-1", [rule("high", "block", "shadow")], 2),
        ("silent-1", [rule("silent", "block")], None),
    ):
        asked = book.event(name, "action.proposed", action_id="a", tool="refund", arguments={})
        book.decision(asked, "action", "block", reasons=reasons, skipped=[{"policy_id": "refunds", "rule_id": "never"}])
        if csat is not None:
            book.event(name, "feedback.received", csat=csat)
    book.decision(asked, "action", "block", reasons=[rule("silent", "block")], repeat=True)
    for name, outcome in (("asked-1", "approved"), ("asked-2", "denied")):
        asked = book.event(name, "action.proposed", action_id="a", tool="refund", arguments={})
        book.decision(
            asked, "action", "require_approval", reasons=[rule("middle", "require_approval")], handoff_id=f"hf-{name}"
        )
        book.handoff(name, f"hf-{name}", reasons=[rule("middle", "require_approval")])
        book.resolution(name, f"hf-{name}", outcome, cost_usd="1.50")
        book.event(name, "feedback.received", csat=1)


def handoffs_are_worked(book: Book) -> None:
    """Queue `desk`: one answered in good order, one badly, one expired, one open, one withdrawn, and one of history."""
    complete = {"score": 0.8, "missing": ["customer.ref"]}
    for name, completeness in (("well", complete), ("badly", {"score": 0.5, "missing": ["goal"]})):
        book.at("2026-03-03 10:00:00").handoff(f"{name}-1", f"hf-{name}", queue="desk", completeness=completeness)
        claim = {"handoff_id": f"hf-{name}", "conversation_id": f"{name}-1", "by": {"id": "ada"}}
        claim["at"] = "2026-03-03T10:00:30Z"
        book.at("2026-03-03 10:00:30").cloudevent(RESOLUTIONS, "handoff.claimed", f"{name}-1", claim)
    book.at("2026-03-03 10:02:00")
    book.resolution("well-1", "hf-well", "resolved", cost_usd="2.00", handoff_needed=True, context_ok=True)
    book.resolution("badly-1", "hf-badly", "returned", handoff_needed=False, context_ok=False, customer_repeated=True)
    book.at("2026-03-03 11:00:00").handoff("expired-1", "hf-expired", queue="desk")
    book.closed("expired-1", "hf-expired", "expired")
    book.handoff("open-1", "hf-open", queue="desk")
    book.handoff("gone-1", "hf-gone", queue="desk")
    book.closed("gone-1", "hf-gone", "withdrawn")
    book.handoff("old-1", "hf-old", queue="desk", recorded=True)


def people_are_asked_for(book: Book) -> None:
    """Agent `front`: answered after 30 s though asked twice; answered late; never; and one still waits."""
    for name, asked_at in (("quick", "10:00:00"), ("quick", "10:00:10"), ("late", "10:00:00"), ("never", "10:00:00")):
        book.at(f"2026-03-04 {asked_at}").event(name, "human.requested", agent_id="front")
        book.handoff(name, f"hf-{name}", kind="route", due_at="2026-03-04T10:10:00Z", queue="front")
    book.at("2026-03-04 10:00:30").event("quick", "message.sent", role="human_agent", text="Hello!", agent_id="front")
    book.at("2026-03-04 10:20:00").event("late", "message.sent", role="human_agent", text="Hello!", agent_id="front")
    book.event("history", "human.requested", agent_id="front", recorded=True)
    book.event("waits", "human.requested", agent_id="front")
    book.handoff("waits", "hf-waits", kind="route", due_at="2026-03-04T10:30:00Z", queue="front")


def money_is_spent(book: Book) -> None:
    """Agent `spender`: two calls with their cost, one without."""
    book.at("2026-03-05 09:00:00")
    usage = {"input_tokens": 100, "cached_input_tokens": 40, "output_tokens": 10}
    for data in ({"cost_usd": "0.10"}, {"cost_usd": "0.30"}, {}):
        book.event("spend-1", "llm.completed", model=GPT, usage=usage, latency_ms=100, agent_id="spender", **data)
    served = GPT | {"served": "gpt-2"}
    book.event("spend-1", "llm.completed", model=served, usage=usage, cost_usd="0.01", agent_id="spender")
    book.handoff("spend-1", "hf-spend", agent_id="spender", queue="spend")
    book.resolution("spend-1", "hf-spend", "resolved", cost_usd="3.00")


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    book = Book()
    for story in (rules_fire, handoffs_are_worked, people_are_asked_for, money_is_spent):
        story(book)
    with book.store(tmp_path_factory.mktemp("answers")) as connection:
        yield connection


def test_views_over_nothing_are_empty(tmp_path: Path) -> None:
    Store.open(tmp_path / LIVE).close()
    with connect(tmp_path / LIVE, read_only=True) as connection:
        for view in views():
            assert connection.execute(f"FROM {view}").fetchall() == [], view


def of_rule(stored: duckdb.DuckDBPyConnection, rule_id: str) -> dict[str, Any]:
    (found,) = rows(stored, f"SELECT * EXCLUDE (first_fired_at, last_fired_at) FROM rules WHERE rule_id = '{rule_id}'")
    return {name: value for name, value in found.items() if value not in (0, "policy", "refunds", rule_id)}


def test_a_rule_counts_what_it_stopped_and_what_it_only_watched(stored: duckdb.DuckDBPyConnection) -> None:
    assert of_rule(stored, "high") == {
        "fired": 3, "shadow": 1, "blocks": 2, "regretted": 2, "regretted_stop": 1, "regretted_allow": 1, "judged": 3,
    }  # fmt: skip


def test_a_rule_that_asks_is_overridden_by_a_yes_and_upheld_by_a_no(stored: duckdb.DuckDBPyConnection) -> None:
    """What was approved is no stop, so an unhappy customer is not this rule's regret."""
    assert of_rule(stored, "middle") == {
        "fired": 3, "approvals": 3, "overridden": 1, "upheld": 1, "regretted": 2, "regretted_stop": 2, "judged": 2,
    }  # fmt: skip


def test_what_nobody_said_anything_of_is_not_judged_and_a_repeat_counts_once(
    stored: duckdb.DuckDBPyConnection,
) -> None:
    assert of_rule(stored, "silent") == {
        "fired": 1, "blocks": 1, "regretted": None, "regretted_stop": None, "regretted_allow": None,
    }  # fmt: skip
    assert of_rule(stored, "never")["skipped"] == 4


def test_handoffs_are_counted_once_and_timed_by_the_log(stored: duckdb.DuckDBPyConnection) -> None:
    worked, history = rows(stored, "FROM handoff_quality WHERE queue = 'desk' ORDER BY recorded")
    assert [worked[name] for name in ("n", "answered", "expired", "open", "recorded")] == [5, 2, 1, 1, False]
    assert [worked[name] for name in ("needed", "context_ok", "customer_repeated")] == [0.5, 0.5, 1.0]
    assert worked["completeness_mean"] == pytest.approx((4 * 0.8 + 0.5) / 5)
    assert [worked[name] for name in ("claim_s_p50", "resolution_s_p50", "resolution_s_p95")] == [30, 120, 120]
    assert str(worked["human_cost_usd"]) == "2.000000"
    assert [history[name] for name in ("n", "open", "recorded", "needed")] == [1, 1, True, None]


def test_who_asked_for_a_person_was_answered_or_not(stored: duckdb.DuckDBPyConnection) -> None:
    (found,) = rows(stored, "FROM always_a_human WHERE agent_id = 'front'")
    counted = {name: found[name] for name in ("asked", "answered", "unmet", "waiting", "late")}
    assert counted == {"asked": 4, "answered": 2, "unmet": 2, "waiting": 0, "late": 1}
    assert found["p95_wait_s"] == pytest.approx(30 + 0.95 * (1200 - 30))
    waits = rows(stored, "SELECT conversation_id, wait_s FROM requests_for_a_human WHERE agent_id = 'front'")
    assert {wait["conversation_id"]: wait["wait_s"] for wait in waits} == {
        "quick": 30, "late": 1200, "never": None, "waits": None,
    }  # fmt: skip


def test_until_its_time_is_up_a_request_waits(tmp_path: Path) -> None:
    book = Book()
    people_are_asked_for(book)
    with book.store(tmp_path) as connection:
        (found,) = rows(connection, "FROM always_a_human")
    assert (found["unmet"], found["waiting"]) == (1, 1)


def test_a_call_without_its_cost_is_none_for_free(stored: duckdb.DuckDBPyConnection) -> None:
    found = {row["model"]: row for row in rows(stored, "FROM spend WHERE agent_id = 'spender'")}
    assert found.keys() == {"gpt", "gpt-2", None}
    calls, human = found["gpt"], found[None]
    assert [calls[name] for name in ("llm_calls", "unreported_calls", "human_answers")] == [3, 1, 0]
    assert [calls[name] for name in ("input_tokens", "cached_input_tokens", "output_tokens")] == [300, 120, 30]
    assert (str(calls["cost_usd"]), calls["human_cost_usd"], calls["latency_ms_mean"]) == ("0.400000", None, 100)
    assert [human[name] for name in ("llm_calls", "human_answers", "cost_usd")] == [0, 1, None]
    assert str(human["human_cost_usd"]) == "3.000000"


def test_the_copy_of_a_resolution_does_not_make_a_conversation_longer(tmp_path: Path) -> None:
    """A worker may write it long afterwards; what the human did counts when the human did it."""
    book = Book().at("2026-03-02 10:00:00")
    book.event("c-1", "query.received", text="?")
    answer = orjson.loads(book.at("2026-03-02 10:01:00").resolution("c-1", "hf-1", "resolved").value or b"")
    copied = {"type": answer["type"], "source": answer["source"], "id": answer["id"], "resolution": answer["data"]}
    book.at("2026-03-12 10:00:00").cloudevent(AGENT_EVENTS, "control.resolution", "c-1", copied)
    with book.store(tmp_path) as connection:
        assert rows(connection, "SELECT duration_s, provisional FROM conversations") == [
            {"duration_s": 60.0, "provisional": False}
        ]


def test_where_nobody_can_be_followed_the_verified_share_is_unknown_and_not_zero(tmp_path: Path) -> None:
    """That a conversation was not resolved is known without a customer; as a share it would be all that is known."""
    book = Book().at("2026-03-02 10:00:00")
    for name, outcome in (("c-1", "resolved"), ("c-2", "abandoned")):
        book.decision(book.event(name, "query.received", text="?"), "route", intent="x")
        book.event(name, "execution.ended", outcome=outcome)
    with book.store(tmp_path) as connection:
        asked = "SELECT n, deflection_claimed, deflection_verified FROM daily_quality"
        assert connection.execute(asked).fetchall() == [(2, 0.5, None)]
        assert connection.execute("FROM drift_bins WHERE measure = 'verified'").fetchall() == []


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("message.sent", {"role": "assistant", "text": "Hello!"}),
        ("action.proposed", {"action_id": "a", "tool": "t", "arguments": {}}),
        ("action.executed", {"action_id": "a", "tool": "t", "arguments": {}, "status": "ok"}),
    ],
)
def test_an_agent_that_reports_no_call_is_not_free(kind: str, data: dict[str, Any], tmp_path: Path) -> None:
    book = Book().at("2026-03-02 10:00:00")
    for name in ("acts", "silent", "reports"):
        book.decision(book.event(name, "query.received", text="?"), "route", intent="x")
    book.event("acts", kind, **data)
    book.event("reports", kind, **data)
    usage = {"input_tokens": 9, "output_tokens": 1}
    book.event("reports", "llm.completed", model=GPT, usage=usage, cost_usd="0.02")
    with book.store(tmp_path) as connection:
        found = dict(
            connection.execute("SELECT conversation_id, CAST(ai_cost_usd AS DOUBLE) FROM conversations").fetchall()
        )
    assert found == {"acts": None, "silent": 0.0, "reports": 0.02}
