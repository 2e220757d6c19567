"""The scissors alarm on simulated weeks: the exact day on which it fires, and the weeks on which it must not."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.demo.simulation import ANY_MONDAY, COURSES, DAYS, EROSION, conversations, fired_days, series
from handrail.streams.quality.baseline import Baseline, baseline_of
from handrail.streams.quality.interval import Daily
from handrail.streams.quality.scissors import Comparison, compare

BASELINE = baseline_of(ANY_MONDAY)
MEASURES = series(list(conversations()), ANY_MONDAY)


def on(number: int) -> date:
    """The day of that number; the first is 1."""
    return ANY_MONDAY + timedelta(days=number - 1)


def judged(number: int) -> Comparison | None:
    return compare(MEASURES, BASELINE, on(number))


def mean(days: Sequence[Daily]) -> float:
    return sum(day.total for day in days) / sum(day.n for day in days)


def test_the_simulated_weeks_lose_what_they_are_said_to_lose() -> None:
    runs = [series(list(conversations(EROSION, seed)), ANY_MONDAY) for seed in range(40)]
    for measure, lost in (("cost_usd", 0.40), ("csat", 0.22)):
        before = sum(mean(run[measure][:28]) for run in runs)
        assert sum(mean(run[measure][-7:]) for run in runs) / before == pytest.approx(1 - lost, abs=0.015)


def test_two_weeks_after_the_baseline_there_is_enough_to_speak() -> None:
    assert judged(41) is None
    assert judged(42) is not None


def test_the_alarm_fires_at_the_end_of_day_55_and_stays_on() -> None:
    alarms = [
        number for number in range(1, DAYS + 1) if (comparison := judged(number)) is not None and comparison.alarm
    ]
    assert alarms == list(range(55, DAYS + 1))


def test_it_says_what_moved_since_when_and_by_how_much() -> None:
    comparison = judged(55)
    assert comparison is not None
    moves = {move.measure: (move.since, round(move.change, 3)) for move in (*comparison.effort, *comparison.quality)}
    assert moves == {"cost_usd": (on(30), -0.132), "deflection": (on(30), 0.211), "csat": (on(39), -0.044)}
    assert comparison.since == on(39)


@pytest.mark.parametrize("course", ["noise", "cheaper, quality holds", "worse, cost holds"])
def test_weeks_without_scissors_raise_no_alarm(course: str) -> None:
    assert fired_days(COURSES[course], seeds=20, a_day=40) == []


def test_later_days_change_nothing() -> None:
    first_55 = {name: days[:55] for name, days in MEASURES.items()}
    assert compare(first_55, BASELINE, on(55)) == judged(55)


def test_what_takes_a_week_to_be_known_is_looked_at_a_week_later() -> None:
    verified = [Daily(on(number), 40, 30.0 if number <= 28 else 10.0) for number in range(1, DAYS + 1)]
    measures = {"cost_usd": MEASURES["cost_usd"], "verified": verified}
    assert compare(measures, BASELINE, on(48)) is None
    comparison = compare(measures, BASELINE, on(49))
    assert comparison is not None
    assert [move.measure for move in comparison.quality] == ["verified"]


def test_a_chosen_baseline_is_the_one_that_counts() -> None:
    late = compare(MEASURES, Baseline(on(15), on(43)), on(84))
    assert late is not None
    assert [move.before.mean for move in late.quality] == [pytest.approx(mean(MEASURES["csat"][14:42]))]


@given(st.lists(st.integers(1, 5), min_size=60, max_size=80))
def test_weeks_that_only_get_better_never_fire(rated: list[int]) -> None:
    better = sorted(rated)
    csat = [Daily(on(number + 1), 20, 20.0 * value) for number, value in enumerate(better)]
    comparison = compare({"cost_usd": MEASURES["cost_usd"], "csat": csat}, BASELINE, on(len(better)))
    assert comparison is None or not comparison.alarm
