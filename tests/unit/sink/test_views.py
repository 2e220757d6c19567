"""`conversations` and `daily_quality`, compared with sums made by hand: every column of every row."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.book import RULESET, Book, reason, rows

ORDERS, REFUND = "track_order", "request_refund"


def resolved_by_ai(book: Book) -> None:
    """ai-1: two calls, one action, an answer, CSAT 5, two scores."""
    book.at("2026-03-02 09:00:00")
    asked = book.event("ai-1", "query.received", text="?", channel="chat", customer={"ref": "u-1"}, agent_version="7")
    book.decision(asked, "route", intent=ORDERS)
    book.at("2026-03-02 09:00:10")
    model = {"provider": "p", "name": "m-1", "served": "m-1-0613"}
    used = {"input_tokens": 9, "output_tokens": 1}
    book.event("ai-1", "llm.completed", model=model, usage=used, cost_usd="0.10")
    book.event("ai-1", "llm.completed", model=model, usage=used)  # at list price, which only the governor knows
    proposed = book.event("ai-1", "action.proposed", action_id="a-1", tool="get_order", arguments={})
    book.decision(proposed, "action", steps=1, cost_usd="0.12")
    book.event("ai-1", "action.executed", action_id="a-1", tool="get_order", arguments={}, status="ok")
    book.event("ai-1", "llm.completed", model=model, usage=used, cost_usd="0.03")  # after the last decision
    book.event("ai-1", "message.sent", role="assistant", text="!")
    book.at("2026-03-02 09:05:00.500").event("ai-1", "execution.ended", outcome="resolved")
    book.at("2026-03-02 11:00:00").event("ai-1", "feedback.received", csat=5)
    book.event("ai-1", "evaluation.scored", scorer="judge", score=0.5, about={})
    book.event("ai-1", "evaluation.scored", scorer="tone", score=1.0, about={})


AI_1 = {
    "tenant": "default",
    "agent_id": "shop",
    "agent_version": "7",
    "model_served": "m-1-0613",
    "intent": ORDERS,
    "channel": "chat",
    "ruleset": RULESET,
    "route": "ai",
    "handled_by": "ai",
    "steps": 1,
    "ai_cost_usd": Decimal("0.150000"),
    "human_cost_usd": Decimal("0.000000"),
    "duration_s": 300.5,
    "csat": 5,
    "claimed_resolved": True,
    "verified_resolved": True,
    "repeated_7d": False,
    "customer_ref": "u-1",
    "provisional": False,
}
PLAIN = AI_1 | {
    "agent_version": None,
    "model_served": None,
    "channel": None,
    "steps": 0,
    "ai_cost_usd": Decimal("0.040000"),
    "duration_s": 60.0,
    "csat": None,
}


def plain(book: Book, name: str, at: str, ref: str | None, intent: str | None = ORDERS, **data: Any) -> None:
    """One minute: a query, $0.04, resolved."""
    book.at(at)
    customer: dict[str, Any] = {} if ref is None else {"customer": {"ref": ref}}
    asked = book.event(name, "query.received", text="?", **customer, **data)
    book.decision(asked, "route", intent=intent, cost_usd="0.04")
    book.now_ms += 60_000
    book.event(name, "execution.ended", outcome="resolved")


def comes_back(book: Book) -> None:
    """back-1 is repeated by back-2 within 7 days of its end; back-2 by back-3 one second too late."""
    plain(book, "back-1", "2026-03-02 10:00:00", "u-2")
    plain(book, "back-2", "2026-03-09 10:01:00", "u-2")
    plain(book, "back-3", "2026-03-16 10:02:01", "u-2")


BACK_1 = PLAIN | {"customer_ref": "u-2", "verified_resolved": False, "repeated_7d": True}
BACK_2 = PLAIN | {"customer_ref": "u-2"}
BACK_3 = BACK_2 | {"provisional": True}


def about_something_else(book: Book) -> None:
    """u-1 of ai-1 comes again, about something else; a namesake in another tenant about the same."""
    plain(book, "else-1", "2026-03-03 10:00:00", "u-1", REFUND)
    plain(book, "acme-1", "2026-03-03 11:00:00", "u-1", tenant="acme")


ELSE_1 = PLAIN | {"customer_ref": "u-1", "intent": REFUND}
ACME_1 = PLAIN | {"customer_ref": "u-1", "tenant": "acme"}


def of_unknown_intent(book: Book) -> None:
    """Whether vague-2 is about the same as vague-1, nobody can say; nobody came after vague-2."""
    plain(book, "vague-1", "2026-03-04 10:00:00", "u-3", None)
    plain(book, "vague-2", "2026-03-05 10:00:00", "u-3")


VAGUE_1 = PLAIN | {"customer_ref": "u-3", "intent": None, "verified_resolved": None, "repeated_7d": None}
VAGUE_2 = PLAIN | {"customer_ref": "u-3"}


def unhappy(book: Book) -> None:
    """low-1 gives 2 stars, then 4; no-1 says it is not resolved; anon-1 says nothing of who it is."""
    plain(book, "low-1", "2026-03-06 10:00:00", "u-4")
    book.event("low-1", "feedback.received", csat=2)
    book.event("low-1", "feedback.received", csat=4)
    plain(book, "no-1", "2026-03-06 11:00:00", None)
    book.event("no-1", "feedback.received", resolved=False)
    plain(book, "anon-1", "2026-03-06 12:00:00", None)


LOW_1 = PLAIN | {"customer_ref": "u-4", "csat": 4, "verified_resolved": False}
ANON_1 = PLAIN | {"customer_ref": None, "verified_resolved": None, "repeated_7d": None}
NO_1 = ANON_1 | {"verified_resolved": False}


def by_a_human(book: Book) -> None:
    """human-1: routed to a human at once, who resolves it for $4."""
    book.at("2026-03-07 10:00:00")
    asked = book.event("human-1", "query.received", text="?", customer={"ref": "u-5"})
    book.decision(asked, "route", "block", intent=REFUND, route="human", reasons=[reason("classification")])
    book.handoff("human-1", "hf-h", kind="route")
    book.at("2026-03-07 10:10:00").event("human-1", "message.sent", role="human_agent", text="Hello")
    book.resolution("human-1", "hf-h", "resolved", cost_usd="4.00", context_ok=True)
    book.closed("human-1", "hf-h", "resolved")


HUMAN_1 = PLAIN | {
    "customer_ref": "u-5",
    "intent": REFUND,
    "route": "human",
    "handled_by": "human",
    "ai_cost_usd": Decimal("0.000000"),
    "human_cost_usd": Decimal("4.000000"),
    "duration_s": 600.0,
}


def together(book: Book) -> None:
    """mixed-1: a human approves (two revisions of one handoff, the newest counts), the AI ends it."""
    book.at("2026-03-07 11:00:00")
    asked = book.event("mixed-1", "query.received", text="?", customer={"ref": "u-6"})
    book.decision(asked, "route", intent=REFUND)
    proposed = book.event("mixed-1", "action.proposed", action_id="a-1", tool="refund", arguments={})
    book.decision(proposed, "action", "require_approval", steps=1, cost_usd="0.05", handoff_id="hf-m")
    book.handoff("mixed-1", "hf-m", 1)
    book.handoff("mixed-1", "hf-m", 2)
    book.at("2026-03-07 11:03:00").resolution("mixed-1", "hf-m", "approved", cost_usd="1.10")
    book.closed("mixed-1", "hf-m", "resolved")
    book.at("2026-03-07 11:04:00").event("mixed-1", "execution.ended", outcome="resolved")


MIXED_1 = HUMAN_1 | {
    "customer_ref": "u-6",
    "route": "ai",
    "handled_by": "mixed",
    "steps": 1,
    "ai_cost_usd": Decimal("0.050000"),
    "human_cost_usd": Decimal("1.100000"),
    "duration_s": 240.0,
}


def transferred(book: Book) -> None:
    """over-1: the AI hands over, nobody comes in time, and what a human would have cost nobody knows."""
    book.at("2026-03-07 12:00:00")
    asked = book.event("over-1", "query.received", text="?", customer={"ref": "u-7"})
    book.decision(asked, "route", intent=REFUND, cost_usd="0.07")
    book.at("2026-03-07 12:00:30").event("over-1", "execution.ended", outcome="transferred")
    book.handoff("over-1", "hf-o", kind="escalation")
    book.handoff("over-1", "hf-p", kind="approval")
    book.closed("over-1", "hf-o", "expired")


OVER_1 = MIXED_1 | {
    "customer_ref": "u-7",
    "steps": 0,
    "ai_cost_usd": Decimal("0.070000"),
    "human_cost_usd": None,
    "duration_s": 30.0,
    "claimed_resolved": False,
    "verified_resolved": False,
}


def repeats(book: Book) -> None:
    """twice-1: events that come twice count once, what became a dead letter not at all."""
    book.at("2026-03-08 10:00:00")
    asked = book.event("twice-1", "query.received", id="q", text="?", customer={"ref": "u-8"})
    route = book.decision(asked, "route", intent=ORDERS)
    again = book.event("twice-1", "query.received", id="q", text="?", customer={"ref": "u-8"})
    book.decision(again, "route", decision_id=route["decision_id"], repeat=True, ruleset="sha256:" + "1" * 64)
    for _ in range(2):
        call = book.event(
            "twice-1", "llm.completed", id="l", usage={"input_tokens": 1, "output_tokens": 1}, cost_usd="0.20"
        )
        book.event("twice-1", "feedback.received", id="f", csat=3)
    forged = book.event("twice-1", "llm.completed", usage={"input_tokens": 1, "output_tokens": 1}, cost_usd="5.00")
    book.refused(forged)
    late = book.event("twice-1", "feedback.received", csat=1)
    book.refused(late)
    assert call.offset > asked.offset


TWICE_1 = PLAIN | {
    "customer_ref": "u-8",
    "ai_cost_usd": Decimal("0.200000"),
    "duration_s": 0.0,
    "csat": 3,
    "claimed_resolved": None,
    "verified_resolved": None,
}


def without_a_price(book: Book) -> None:
    """free-1: a model nobody knows the price of is not free. late-1: nor is a call after the last decision."""
    plain(book, "free-1", "2026-03-08 11:00:00", "u-9")
    call = book.event("free-1", "llm.completed", model={"provider": "p", "name": "m-9"}, usage=USED)
    book.decision(call, "llm", cost_usd="0.04", unpriced_tokens=2)
    plain(book, "late-1", "2026-03-08 12:00:00", "u-10")
    book.event("late-1", "llm.completed", usage=USED)


USED = {"input_tokens": 1, "output_tokens": 1}
FREE_1 = PLAIN | {"customer_ref": "u-9", "model_served": "m-9", "ai_cost_usd": None}
LATE_1 = PLAIN | {"customer_ref": "u-10", "ai_cost_usd": None}


def in_two_executions(book: Book) -> None:
    """two-1: each execution has its own counters; their sums are the conversation's. The first fails."""
    book.at("2026-03-09 10:00:00")
    for number, (steps, cost_usd, outcome) in enumerate([(3, "0.30", "error"), (2, "0.50", "resolved")]):
        execution = f"two-1/{number}"
        asked = book.event("two-1", "query.received", text="?", execution_id=execution, customer={"ref": "u-11"})
        book.decision(asked, "route", intent=ORDERS, steps=steps - 1, cost_usd="0.10")
        answered = book.event("two-1", "response.proposed", response_id="r", text="!", execution_id=execution)
        book.decision(answered, "response", steps=steps, cost_usd=cost_usd)
        book.now_ms += 1000
        book.event("two-1", "execution.ended", outcome=outcome, execution_id=execution)


TWO_1 = PLAIN | {"customer_ref": "u-11", "steps": 5, "ai_cost_usd": Decimal("0.800000"), "duration_s": 2.0}


def ungoverned(book: Book) -> None:
    """loose-1: nobody decided anything; what is not reported is unknown."""
    book.at("2026-03-10 10:00:00")
    book.event("loose-1", "action.proposed", action_id="a", tool="t", arguments={})
    book.event("loose-1", "action.executed", action_id="a", tool="t", arguments={}, status="ok")
    book.event("only-feedback", "feedback.received", csat=1)


LOOSE_1 = {
    **PLAIN,
    "intent": None,
    "ruleset": None,
    "route": None,
    "steps": 1,
    "ai_cost_usd": None,
    "duration_s": 0.0,
    "claimed_resolved": None,
    "verified_resolved": None,
    "repeated_7d": None,
    "customer_ref": None,
    "provisional": True,
}

STORIES = (
    resolved_by_ai,
    comes_back,
    about_something_else,
    of_unknown_intent,
    unhappy,
    by_a_human,
    together,
    transferred,
    repeats,
    without_a_price,
    in_two_executions,
    ungoverned,
)
EXPECTED = {
    "ai-1": AI_1,
    "back-1": BACK_1,
    "back-2": BACK_2,
    "back-3": BACK_3,
    "else-1": ELSE_1,
    "acme-1": ACME_1,
    "vague-1": VAGUE_1,
    "vague-2": VAGUE_2,
    "low-1": LOW_1,
    "no-1": NO_1,
    "anon-1": ANON_1,
    "human-1": HUMAN_1,
    "mixed-1": MIXED_1,
    "over-1": OVER_1,
    "twice-1": TWICE_1,
    "free-1": FREE_1,
    "late-1": LATE_1,
    "two-1": TWO_1,
    "loose-1": LOOSE_1,
}
CONTRACT = (
    "tenant, agent_id, agent_version, model_served, intent, channel, ruleset, route, handled_by, steps, ai_cost_usd, "
    "human_cost_usd, duration_s, csat, claimed_resolved, verified_resolved"
)
DAILY = (
    "day, tenant, agent_id, intent, model_served, handled_by, n, deflection_claimed, deflection_verified, "
    "cost_usd_per_resolved, csat_mean, csat_n, repeat_rate_7d, handoff_success, score_mean, provisional"
)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    book = Book()
    for story in STORIES:
        story(book)
    with book.store(tmp_path_factory.mktemp("views")) as connection:
        yield connection


@pytest.mark.parametrize("name", EXPECTED)
def test_a_conversation_is_what_was_counted_by_hand(name: str, stored: duckdb.DuckDBPyConnection) -> None:
    (found,) = rows(stored, f"FROM conversations WHERE conversation_id = '{name}'")
    assert {column: found[column] for column in EXPECTED[name]} == EXPECTED[name]


def test_there_are_no_other_conversations_and_no_other_columns(stored: duckdb.DuckDBPyConnection) -> None:
    found = rows(stored, "FROM conversations")
    assert sorted(row["conversation_id"] for row in found) == sorted(EXPECTED)
    beside = "repeated_7d, customer_ref, started_at, ended_at, provisional, log_cluster, log_partition, log_offset"
    assert ", ".join(found[0]) == f"conversation_id, {CONTRACT}, {beside}"


def test_a_conversation_has_its_place_and_its_times(stored: duckdb.DuckDBPyConnection) -> None:
    asked = "SELECT started_at, ended_at, log_cluster, log_partition, log_offset FROM conversations"
    assert stored.execute(f"{asked} WHERE conversation_id = 'ai-1'").fetchall() == [
        (
            datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
            datetime(2026, 3, 2, 9, 5, 0, 500_000, tzinfo=UTC),
            "cluster-1",
            0,
            0,
        )
    ]


def day(stored: duckdb.DuckDBPyConnection, of: date, **only: str | None) -> list[dict[str, Any]]:
    found = rows(stored, f"FROM daily_quality WHERE day = DATE '{of}' ORDER BY ALL")
    return [row for row in found if only.items() <= row.items()]


def test_the_columns_of_a_day_are_those_of_the_contract(stored: duckdb.DuckDBPyConnection) -> None:
    assert ", ".join(rows(stored, "FROM daily_quality LIMIT 1")[0]) == DAILY


def test_a_day_of_the_ai(stored: duckdb.DuckDBPyConnection) -> None:
    key = {"tenant": "default", "agent_id": "shop", "intent": ORDERS, "handled_by": "ai"}
    first, second = day(stored, date(2026, 3, 2))
    assert first == {
        "day": date(2026, 3, 2),
        **key,
        "model_served": "m-1-0613",
        "n": 1,
        "deflection_claimed": 1.0,
        "deflection_verified": 1.0,
        "cost_usd_per_resolved": Decimal("0.150000"),
        "csat_mean": 5.0,
        "csat_n": 1,
        "repeat_rate_7d": 0.0,
        "handoff_success": None,
        "score_mean": 0.75,
        "provisional": False,
    }
    assert second == first | {
        "model_served": None,
        "deflection_verified": 0.0,
        "cost_usd_per_resolved": None,  # its only conversation was not resolved, as its repeat shows
        "csat_mean": None,
        "csat_n": 0,
        "repeat_rate_7d": 1.0,
        "score_mean": None,
    }


def test_shares_are_of_those_that_are_known(stored: duckdb.DuckDBPyConnection) -> None:
    (found,) = day(stored, date(2026, 3, 6))
    assert (found["n"], found["csat_mean"], found["csat_n"]) == (3, 4.0, 1)
    assert found["deflection_claimed"] == 1.0
    assert found["deflection_verified"] == 0.0  # low-1 and no-1; of anon-1 nobody knows
    assert found["repeat_rate_7d"] == 0.0  # low-1 alone has a customer
    assert found["cost_usd_per_resolved"] == Decimal("0.120000")  # three times $0.04 for anon-1


def test_humans_and_both_together_deflect_nothing(stored: duckdb.DuckDBPyConnection) -> None:
    human, mixed = day(stored, date(2026, 3, 7))
    common = {"day": date(2026, 3, 7), "tenant": "default", "agent_id": "shop", "intent": REFUND, "model_served": None}
    nothing = {"deflection_claimed": 0.0, "deflection_verified": 0.0, "csat_mean": None, "csat_n": 0}
    rest = {"repeat_rate_7d": 0.0, "score_mean": None, "provisional": False}
    cost = {"cost_usd_per_resolved": Decimal("4.000000"), "handoff_success": 1.0}
    assert human == common | {"handled_by": "human", "n": 1} | nothing | rest | cost
    # mixed-1 ($1.15, resolved, one good handoff) and over-1 (cost unknown, one handoff expired, one still open).
    cost = {"cost_usd_per_resolved": Decimal("1.150000"), "handoff_success": 0.5}
    assert mixed == common | {"handled_by": "mixed", "n": 2} | nothing | rest | cost


def test_what_has_no_known_cost_is_left_out_of_the_mean(stored: duckdb.DuckDBPyConnection) -> None:
    twice, free = day(stored, date(2026, 3, 8), model_served=None), day(stored, date(2026, 3, 8), model_served="m-9")
    assert [(row["n"], row["cost_usd_per_resolved"]) for row in free] == [(1, None)]
    # twice-1 ($0.20, claims nothing) and late-1 (resolved, cost unknown): nothing to divide by.
    assert [(row["n"], row["cost_usd_per_resolved"], row["deflection_claimed"]) for row in twice] == [(2, None, 0.5)]


def test_tenants_have_days_of_their_own(stored: duckdb.DuckDBPyConnection) -> None:
    found = [(row["tenant"], row["intent"], row["n"]) for row in day(stored, date(2026, 3, 3))]
    assert sorted(found) == [("acme", ORDERS, 1), ("default", REFUND, 1)]


def test_a_day_is_of_utc_and_of_the_start(tmp_path: Path) -> None:
    book = Book()
    plain(book, "c-1", "2026-03-02 23:59:59", "u-1")
    with book.store(tmp_path) as connection:
        connection.execute("SET TimeZone = 'America/New_York'")
        assert connection.execute("SELECT day FROM daily_quality").fetchall() == [(date(2026, 3, 2),)]


def test_a_late_repeat_changes_its_day_and_closes_the_window(tmp_path: Path) -> None:
    book = Book()
    plain(book, "c-1", "2026-03-02 10:00:00", "u-1")
    asked = "SELECT deflection_verified, repeat_rate_7d, provisional FROM daily_quality WHERE day = DATE '2026-03-02'"
    with book.store(tmp_path / "before") as connection:
        assert connection.execute(asked).fetchall() == [(1.0, 0.0, True)]
    plain(book, "c-2", "2026-03-08 10:00:00", "u-1")
    book.at("2026-03-09 10:01:00").event("c-3", "query.received", text="?")
    with book.store(tmp_path / "after") as connection:
        assert connection.execute(asked).fetchall() == [(0.0, 1.0, False)]


def test_the_same_conversation_on_another_cluster_is_another(tmp_path: Path) -> None:
    book = Book()
    plain(book, "c-1", "2026-03-02 10:00:00", "u-1")
    book.store(tmp_path, "cluster-1").close()
    plain(book, "c-2", "2026-03-03 10:00:00", "u-1")
    with book.store(tmp_path, "cluster-2") as connection:
        found = connection.execute(
            "SELECT log_cluster, conversation_id, repeated_7d FROM conversations ORDER BY ALL"
        ).fetchall()
    assert found == [("cluster-1", "c-1", True), ("cluster-2", "c-1", True), ("cluster-2", "c-2", False)]


@pytest.mark.parametrize(
    ("answers", "succeeded"),
    [
        ([], None),
        ([{"outcome": "resolved"}], True),
        ([{"outcome": "denied", "context_ok": True}], True),
        ([{"outcome": "resolved", "context_ok": False}], False),
        ([{"outcome": "resolved", "customer_repeated": True}], False),
        ([{"outcome": "approved"}, {"outcome": "approved", "context_ok": False}], False),
    ],
)
def test_a_handoff_succeeds_when_the_human_had_what_was_needed(
    answers: list[dict[str, Any]], succeeded: bool | None, tmp_path: Path
) -> None:
    book = Book().at("2026-03-02 10:00:00")
    book.handoff("c-1", "hf-1", 1, queue="old")
    book.handoff("c-1", "hf-1", 2, queue="new")
    for answer in answers:
        book.resolution("c-1", "hf-1", **answer)
    with book.store(tmp_path) as connection:
        assert connection.execute("SELECT queue, succeeded FROM handoffs_newest").fetchall() == [("new", succeeded)]


@pytest.mark.parametrize(
    ("calls", "cost_usd"),
    [
        ([{"usage": None}], None),
        ([{}], None),
        ([{"usage": None}, {"usage": None, "cost_usd": "0.01"}], None),
        ([{"usage": None, "cost_usd": "0.01"}], "0.050000"),
        ([{"usage": None, "cached": True}], "0.040000"),
        ([{"usage": USED, "cached": True}, {"usage": USED, "cost_usd": "0"}], "0.040000"),
        ([{"usage": USED, "cached": False}], None),
    ],
)
def test_a_call_of_unknown_cost_makes_the_cost_unknown_and_a_cached_one_does_not(
    tmp_path: Path, calls: list[dict[str, Any]], cost_usd: str | None
) -> None:
    book = Book()
    plain(book, "c-1", "2026-03-08 11:00:00", "u-9")
    for call in calls:
        book.event("c-1", "llm.completed", model={"provider": "p", "name": "m"}, **call)
    with book.store(tmp_path) as connection:
        ((found,),) = connection.execute("SELECT ai_cost_usd FROM conversations").fetchall()
    assert found == (None if cost_usd is None else Decimal(cost_usd))


def test_a_call_of_unknown_cost_is_not_repaired_by_a_later_decision(tmp_path: Path) -> None:
    book = Book()
    plain(book, "c-1", "2026-03-08 11:00:00", "u-9")
    asked = book.event("c-1", "llm.completed", usage=None)
    book.decision(asked, "llm", cost_usd="0.04")
    with book.store(tmp_path) as connection:
        assert connection.execute("SELECT ai_cost_usd FROM conversations").fetchall() == [(None,)]


def test_spend_counts_what_it_does_not_know_beside_its_sums(tmp_path: Path) -> None:
    book = Book().at("2026-03-08 11:00:00")
    for call in ({"usage": None}, {"usage": USED}, {"usage": USED, "cost_usd": "0.5"}, {"usage": USED, "cached": True}):
        book.event("c-1", "llm.completed", model={"provider": "p", "name": "m"}, **call)
    names = "llm_calls, unreported_calls, unknown_calls, cached_calls, input_tokens, cost_usd"
    with book.store(tmp_path) as connection:
        assert connection.execute(f"SELECT {names} FROM spend").fetchall() == [(4, 2, 1, 1, 3, Decimal("0.500000"))]
