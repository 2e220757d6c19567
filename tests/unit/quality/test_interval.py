"""Means over days and their bounds, worked out by hand, and the onset of a shift."""

from datetime import date, timedelta
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.streams.quality.interval import Daily, Mean, bound, mean_of, onset

FIRST = date(2026, 1, 5)


def days(*means: float, n: int = 10) -> list[Daily]:
    return [Daily(FIRST + timedelta(days=number), n, n * mean) for number, mean in enumerate(means)]


def test_the_standard_error_is_that_of_days_not_of_conversations() -> None:
    mean = mean_of(days(*[1.0, 3.0] * 7))
    assert mean == Mean(n=140, days=14, mean=2.0, se=pytest.approx(sqrt(14 / 13 * 14 * 10**2) / 140))


def test_days_of_unlike_size_weigh_by_their_conversations() -> None:
    mean = mean_of([*days(*[1.0] * 13), Daily(FIRST + timedelta(days=13), 130, 260.0)])
    assert mean is not None
    assert mean.mean == pytest.approx((130 + 260) / 260)
    assert mean.se == pytest.approx(sqrt(14 / 13 * (13 * 5.0**2 + 65.0**2)) / 260)


@pytest.mark.parametrize("told", [days(*[1.0] * 13), days(*[1.0] * 14, n=7), [], days(*[1.0] * 20, n=0)])
def test_few_days_or_conversations_do_not_speak(told: list[Daily]) -> None:
    assert mean_of(told) is None


def test_the_bound_is_three_errors_of_the_difference_and_more_for_few_days_or_two_per_cent() -> None:
    assert bound(Mean(100, 28, 4.0, 0.03), Mean(100, 14, 3.0, 0.04)) == pytest.approx((3 + 30 / 160) * 0.05)
    assert bound(Mean(100, 10**6, 4.0, 0.03), Mean(100, 10**6, 3.0, 0.04)) == pytest.approx(0.15, rel=1e-4)
    assert bound(Mean(10**6, 28, 4.0, 0.001), Mean(10**6, 28, 3.0, 0.001)) == pytest.approx(0.08)


@given(st.lists(st.floats(0, 5), min_size=14, max_size=40), st.floats(0.1, 3))
def test_a_mean_keeps_its_place_in_any_unit(means: list[float], scale: float) -> None:
    plain, scaled = mean_of(days(*means)), mean_of(days(*(scale * mean for mean in means)))
    assert plain is not None
    assert scaled is not None
    assert scaled.mean == pytest.approx(scale * plain.mean, abs=1e-9)
    assert scaled.se == pytest.approx(scale * plain.se, abs=1e-9)


def test_a_shift_began_on_the_day_after_which_it_never_went_back() -> None:
    daily = days(4.0, 4.1, 3.9, 3.2, 4.9, 3.5, 3.4, 3.5, 3.3)
    assert onset(daily, 4.0, -1, 0.2) == FIRST + timedelta(days=5)
    assert onset(daily, 2.0, 1, 0.2) == FIRST


def test_days_without_conversations_are_no_part_of_a_shift() -> None:
    daily = [*days(4.0, 4.0), Daily(FIRST + timedelta(days=2), 0, 0.0), *days(4.0, 4.0, 4.0, 3.0, 3.0)[3:]]
    assert onset(daily, 4.0, -1, 0.2) == FIRST + timedelta(days=3)
