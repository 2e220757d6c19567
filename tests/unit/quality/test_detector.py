"""The day-robust e-CUSUM: its reference in closed form, exact values, exact days of alarms, and what it promises."""

from math import exp, log, sqrt

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.alarms.streams import Kind, first_alarm
from benchmarks.alarms.years import Case, breaks, counts, stays
from handrail.streams.quality.detector import DAYS_MIN, LOG_MAX, Day, Direction, Reference, State, alarm, mean_m, update

EVEN = [Day(100, 70), Day(100, 90)] * 14
CALM = [Day(100, 80)] * DAYS_MIN
UP, DOWN = Direction.UP, Direction.DOWN


def reference(days: list[Day], direction: Direction = DOWN) -> Reference:
    found = Reference.of(days, direction)
    assert found is not None
    return found


def first(days: list[Day], found: Reference, arl: float = 365) -> int | None:
    state = State()
    for number, day in enumerate(days):
        state = update(state, found, day)
        if alarm(state, arl):
            return number
    return None


def test_the_reference_of_days_that_vary_in_closed_form() -> None:
    found = reference(EVEN)
    spread = 28 * 100 * 0.1**2 / (0.8 * 0.2) / 27
    assert found.rate == pytest.approx(0.8)
    assert found.spread == pytest.approx(spread)
    assert found.persistence == 1.0  # the days alternate: the correlation is below 0
    assert found.bound == pytest.approx(0.8 - 1.2816 * sqrt(spread * 0.16 / 2800))


def test_days_that_do_not_vary_have_no_less_dispersion_than_independent_conversations() -> None:
    found = reference(CALM)
    assert (found.spread, found.persistence) == (1.0, pytest.approx(1.1 / 0.9))
    assert found.dispersion(100) == pytest.approx(1.1 / 0.9)


def test_neighbouring_days_alike_make_the_dispersion_larger() -> None:
    blocks = [Day(100, 70)] * 14 + [Day(100, 90)] * 14
    assert reference(blocks).persistence == pytest.approx(1.9 / 0.1)  # r1 is clipped to .9


def test_the_dispersion_grows_with_days_larger_than_the_baselines() -> None:
    found = reference(EVEN)
    assert found.dispersion(50) == found.dispersion(100) == pytest.approx(found.spread)
    assert found.dispersion(300) == pytest.approx(1 + 3 * (found.spread - 1))


def test_one_day_in_closed_form() -> None:
    found = reference(CALM)
    r, f = found.bound, 1.1 / 0.9
    q = [r * (1 - w) for w in (0.02, 0.04, 0.07, 0.12, 0.25)]
    assert found.alternatives() == pytest.approx(q)
    once = [(70 * log(one / r) + 30 * log((1 - one) / (1 - r))) / f for one in q]
    state = update(State(), found, Day(100, 70))
    assert state.log_m == pytest.approx(once)
    again = update(state, found, Day(100, 70))
    assert again.log_m == pytest.approx([max(0.0, before) + more for before, more in zip(once, once, strict=True)])
    assert mean_m(state) == pytest.approx(sum(map(exp, once)) / 5)


def test_upwards_is_downwards_seen_from_the_other_end() -> None:
    down, up = reference(EVEN), reference([Day(n, n - k) for n, k in EVEN], UP)
    assert up.bound == pytest.approx(1 - down.bound)
    assert (up.spread, up.persistence) == pytest.approx((down.spread, down.persistence))
    assert up.alternatives() == pytest.approx([up.bound + (1 - up.bound) * w for w in (0.03, 0.07, 0.15, 0.3, 0.5)])


@pytest.mark.parametrize(
    ("rates", "day"),
    [([0.8] * 100, None), ([0.6] * 30, 0), ([0.75] * 60, 20), ([0.8] * 10 + [0.7] * 20, 13), ([0.9] * 50, None)],
)
def test_the_exact_day_of_the_alarm(rates: list[float], day: int | None) -> None:
    assert first([Day(100, 100 * rate) for rate in rates], reference(CALM)) == day


def test_fewer_days_than_the_baseline_needs_say_nothing() -> None:
    assert Reference.of(CALM[1:]) is None
    assert Reference.of([*CALM[1:], Day(0, 0)]) is None
    assert Reference.of([*CALM, Day(0, 0)]) == Reference.of(CALM)


def test_where_nothing_bad_was_ever_seen_the_bound_is_the_exact_limit() -> None:
    perfect = reference([Day(50, 50)] * 28)
    assert perfect.bound == pytest.approx(0.1 ** (1 / 1400))
    assert reference([Day(50, 0)] * 28, UP).bound == pytest.approx(1 - 0.1 ** (1 / 1400))
    assert first([Day(50, 50)] * 1000, perfect) is None
    assert first([Day(50, 43)] * 5, perfect) == 0


def test_what_cannot_get_worse_has_no_reference() -> None:
    assert Reference.of([Day(50, 0)] * 28) is None
    assert Reference.of([Day(50, 50)] * 28, UP) is None


def test_a_constant_score_inside_its_range_gives_no_alarm() -> None:
    assert first([Day(40, 20)] * 1000, reference([Day(40, 20)] * 28)) is None


def test_a_day_without_conversations_changes_nothing() -> None:
    state = update(State(), reference(CALM), Day(100, 70))
    assert update(state, reference(CALM), Day(0, 0)) == state


def test_a_day_with_one_conversation_counts_for_one() -> None:
    worst = update(State(), reference(CALM), Day(1, 0))
    assert 1 < mean_m(worst) < 2


@pytest.mark.parametrize("day", [Day(10, 11), Day(10, -1), Day(10, float("nan")), Day(-1, 0)])
def test_sums_that_cannot_be_are_refused(day: Day) -> None:
    with pytest.raises(ValueError, match="cannot sum up"):
        update(State(), reference(CALM), day)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 500), st.floats(0, 1)), max_size=20))
def test_any_days_leave_the_state_in_its_bounds(told: list[tuple[int, float]]) -> None:
    state = State()
    for n, share in told:
        state = update(state, reference(EVEN), Day(n, n * share))
        assert all(value <= LOG_MAX for value in state.log_m)
    assert mean_m(state) >= 0


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("growth", [1.0, 3.0])
def test_the_benchmarks_arrays_fire_on_the_same_days(direction: Direction, growth: float) -> None:
    case = Case(60, 0.15, breaks(0.8, 0.7 if direction is DOWN else 0.9), days=120, growth=growth)
    n, k = counts(case, 20, seed=4)
    wanted = first_alarm(n, k, 365.0, direction=direction)
    for year in range(20):
        days = [Day(int(a), float(b)) for a, b in zip(n[:, year], k[:, year], strict=True)]
        found = first(days[DAYS_MIN:], reference(days[:DAYS_MIN], direction))
        assert found == (None if wanted[year] < 0 else wanted[year])


def test_false_alarms_of_independent_conversations_keep_the_bound() -> None:
    found = first_alarm(*counts(Case(200, 0.0, stays()), 1000, seed=5), 365.0)
    assert np.mean(found >= 0) < 0.05  # the bound allows 1 - 1/e


def test_with_day_effects_ours_is_calm_where_the_plain_form_is_not() -> None:
    told = counts(Case(200, 0.15, stays()), 600, seed=6)
    ours, plain = (np.mean(first_alarm(*told, 365.0, kind) >= 0) for kind in (Kind(), Kind(robust=False)))
    assert ours <= 0.25
    assert plain > 0.6
