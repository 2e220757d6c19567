"""`drift_daily` beside the same figures made in Python, and which days are the baseline."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.quality.psi import Counts, bin_of, psi
from handrail.streams.quality.shift import BASELINE_N_MIN, N_MIN
from tests.book import Book, rows

FIRST = date(2026, 3, 2)
DAYS = 34
TENTHS = [number / 10 for number in range(10)]
COSTS = [0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0]
Seen = dict[tuple[str, int], Counter[str]]


def talk(book: Book, seen: Seen, name: str, day: int, dice: random.Random) -> None:
    """One conversation; what it adds to each measure."""
    book.at(str(datetime.combine(FIRST + timedelta(days=day), datetime.min.time()) + timedelta(minutes=9 * len(name))))
    intent, verdict = dice.choice(["orders", "refunds", "orders", "other"]), dice.choice(["allow", "allow", "block"])
    cost, sure, csat = round(dice.uniform(0, 0.3), 3), round(dice.random(), 2), dice.randint(1, 5)
    asked = book.event(name, "query.received", text="?")
    book.decision(asked, "route", verdict, intent=intent)
    usage = {"input_tokens": 9, "output_tokens": 1}
    model = {"provider": "p", "name": "m"}
    book.event(name, "llm.completed", model=model, usage=usage, cost_usd=f"{max(cost, 0.001):.3f}", confidence=sure)
    book.event(name, "execution.ended", outcome="resolved")
    found = {
        "intents": intent,
        "verdicts": f"route {verdict}",
        "cost_usd": bin_of(max(cost, 0.001), COSTS),
        "confidence": bin_of(sure, TENTHS),
    }
    if dice.random() < 0.8:
        book.event(name, "feedback.received", csat=csat)
        found["csat"] = str(csat)
    if dice.random() < 0.9:
        book.event(name, "evaluation.scored", scorer="judge", score=sure, about={})
        found["score"] = bin_of(sure, TENTHS)
    for measure, one in found.items():
        seen.setdefault((measure, day), Counter())[one] += 1


def weeks(days: int = DAYS, first: int = 0) -> tuple[Book, Seen]:
    told, seen, dice = Book(), Seen(), random.Random(7)
    for day in range(first, days):
        for number in range(dice.randint(18, 30)):
            talk(told, seen, f"c-{day}-{number}", day, dice)
    return told, seen


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[duckdb.DuckDBPyConnection, Seen]]:
    told, seen = weeks()
    with told.store(tmp_path_factory.mktemp("data")) as connection:
        yield connection, seen


def by_hand(seen: Seen, measure: str, day: int) -> dict[str, Any]:
    told = seen[measure, day]
    before: Counts = seen.get((measure, day - 1), Counter())
    base: Counter[str] = Counter()
    for number in range(28 if day >= 28 else 0):
        base.update(seen[measure, number])
    speaks = told.total() >= N_MIN
    return {
        "n": told.total(),
        "baseline_n": base.total(),
        "psi_baseline": psi(base, told) if speaks and base.total() >= BASELINE_N_MIN else None,
        "psi_yesterday": psi(before, told) if speaks and sum(before.values()) >= N_MIN else None,
    }


def test_the_view_says_what_python_says(stored: tuple[duckdb.DuckDBPyConnection, Seen]) -> None:
    connection, seen = stored
    found = {(row["measure"], (row["day"] - FIRST).days): row for row in rows(connection, "FROM drift_daily")}
    assert found.keys() == seen.keys()
    for (measure, day), row in found.items():
        for name, value in by_hand(seen, measure, day).items():
            assert row[name] == (value if value is None else pytest.approx(value, abs=1e-12)), (measure, day, name)
        assert (row["baseline_from"], row["baseline_to"]) == (FIRST, FIRST + timedelta(days=28))


def test_both_kinds_of_days_were_among_them(stored: tuple[duckdb.DuckDBPyConnection, Seen]) -> None:
    """So that the comparison above cannot pass with NULLs alone."""
    found = rows(
        stored[0], "SELECT count(psi_baseline) AS spoke, count(*) - count(psi_baseline) AS not FROM drift_daily"
    )
    assert all(one["spoke"] > 20 and one["not"] > 20 for one in found)


def test_means_stand_beside_those_of_baseline_and_yesterday(
    stored: tuple[duckdb.DuckDBPyConnection, Seen],
) -> None:
    connection, seen = stored
    day = FIRST + timedelta(days=30)
    (row,) = rows(connection, f"FROM drift_daily WHERE measure = 'csat' AND day = '{day}'")
    told = [seen["csat", number] for number in range(31)]
    means = [sum(int(csat) * n for csat, n in one.items()) / one.total() for one in (told[30], told[29])]
    base = sum((one for one in told[:28]), Counter())
    assert [row["value"], row["yesterday_value"]] == pytest.approx(means)
    assert row["baseline_value"] == pytest.approx(sum(int(csat) * n for csat, n in base.items()) / base.total())
    (row,) = rows(connection, f"FROM drift_daily WHERE measure = 'intents' AND day = '{day}'")
    assert row["value"] is None


def span_of(book: Book, folder: Path) -> set[tuple[date, date]]:
    with book.store(folder) as connection:
        return {(row["baseline_from"], row["baseline_to"]) for row in rows(connection, "FROM drift_daily")}


def chosen(book: Book, first: str, end: str, **data: Any) -> Any:
    found = {"agent_id": "shop", "from": first, "to": end, "by": "ada", **data}
    return book.cloudevent(AGENT_EVENTS, "control.baseline.set", "control", found)


def test_the_newest_baseline_that_was_set_counts(tmp_path: Path) -> None:
    told, _ = weeks(1)
    chosen(told.at("2026-03-03 10:00"), "2026-02-01", "2026-03-01")
    chosen(told.at("2026-03-04 10:00"), "2026-03-02", "2026-03-09T00:00:00Z")
    chosen(told.at("2026-03-05 10:00"), "2026-01-01", "2026-02-01", intent="orders")
    chosen(told.at("2026-03-05 11:00"), "2026-01-01", "2026-02-01", agent_id="other")
    chosen(told.at("2026-03-05 12:00"), "2026-02-01", "2026-01-01")
    told.refused(chosen(told.at("2026-03-05 13:00"), "2026-01-01", "2026-02-01"))
    assert span_of(told, tmp_path) == {(date(2026, 3, 2), date(2026, 3, 9))}


def test_a_log_of_another_cluster_has_a_baseline_of_its_own(tmp_path: Path) -> None:
    weeks(1)[0].store(tmp_path, "older").close()
    with weeks(9, first=8)[0].store(tmp_path, "newer") as connection:
        found = rows(connection, "SELECT DISTINCT log_cluster, baseline_from FROM drift_daily")
    assert {row["log_cluster"]: row["baseline_from"] for row in found} == {
        "older": FIRST,
        "newer": FIRST + timedelta(days=8),
    }
