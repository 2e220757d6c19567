"""Autonomy step by step: each cause, exact days, the count of attempts, and the benchmark's arrays beside the rule."""

from collections.abc import Iterable
from dataclasses import replace
from math import log

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.autonomy.intents import Intents
from benchmarks.autonomy.world import World, live
from handrail.streams.quality.autonomy import Arms, Signals, State, Step, advance, gap, threshold
from handrail.streams.quality.evalue import ArmDay
from handrail.streams.quality.ladder import HUMAN, SUPERVISED, Ladder

LADDER = Ladder()
CALM = Signals()
NOTHING = ArmDay(0, 0, 0, 0)
EQUAL, BETTER, WORSE = (ArmDay(40, 40 * rate, 160, 128) for rate in (0.8, 0.9, 0.6))
LOWEST, MIDDLE, TOP = State(rung=0), State(rung=1), State(rung=2)


def run(state: State, days: Iterable[ArmDay], signals: Signals = CALM, ladder: Ladder = LADDER) -> list[Step | None]:
    steps = []
    for day in days:
        state, step = advance(state, ladder, day, signals)
        steps.append(step)
    return steps


def causes(state: State, days: Iterable[ArmDay], signals: Signals = CALM) -> list[tuple[int, int, int, str]]:
    steps = enumerate(run(state, days, signals))
    return [(day, step.before, step.after, step.cause) for day, step in steps if step is not None]


def test_the_threshold_counts_attempts() -> None:
    assert [threshold(attempt, 0.05) for attempt in (1, 2, 3)] == pytest.approx([40, 120, 240])
    assert sum(1 / threshold(attempt, 0.05) for attempt in range(1, 100_000)) < 0.05


def test_an_agent_begins_supervised_and_earns_the_first_rung_by_approvals() -> None:
    approved = [Signals(judged=40, approved=count) for count in (36, 36, 35, 38)]
    state, steps = State(), []
    for signals in approved:
        state, step = advance(state, LADDER, NOTHING, signals)
        steps.append(step and (step.before, step.after, step.cause))
    # 72 of 80: too few; 107 of 120: below 90 %; 145 of 160: above
    assert steps == [None, None, None, (SUPERVISED, 0, "approvals")]


def test_an_unverified_model_earns_nothing() -> None:
    signals = Signals(verified=False, judged=1000, approved=1000)
    assert run(State(), [NOTHING] * 5, signals) == [None] * 5


def test_better_days_rise_rung_by_rung_after_the_soak_and_evidence_begins_anew() -> None:
    assert causes(LOWEST, [BETTER] * 60) == [(6, 0, 1, "rise"), (13, 1, 2, "rise")]
    first = run(LOWEST, [BETTER] * 7)[-1]
    assert first is not None
    assert first.e >= first.threshold == pytest.approx(40)


def test_a_step_shows_its_evidence() -> None:
    step = next(step for step in run(LOWEST, [BETTER] * 60) if step)
    assert step.arms == Arms(280, pytest.approx(252), 1120, pytest.approx(896))
    measured = gap(step.arms)
    assert measured is not None
    assert measured[0] == pytest.approx(0.1)
    assert gap(Arms(3, 3, 0, 0)) is None


@pytest.mark.parametrize("held", [Signals(alert_open=True), Signals(worse_elsewhere=True)])
def test_nothing_rises_while_something_is_wrong(held: Signals) -> None:
    assert causes(LOWEST, [BETTER] * 40, held) == []


def test_worse_days_fall_to_the_lowest_rung_whatever_the_rung() -> None:
    ((day, before, after, cause),) = causes(TOP, [WORSE] * 12)
    assert (before, after, cause) == (2, 0, "fall")
    assert day <= 5


def test_at_the_lowest_rung_a_fall_restarts_nothing_but_itself() -> None:
    state = replace(LOWEST, log_m=log(999.0), log_e=1.0, arms=Arms(10, 5, 10, 8), days=3)
    after, step = advance(state, LADDER, WORSE, CALM)
    assert step is None
    assert (after.log_m, after.attempt, after.days) == (0.0, 1, 4)
    assert after.arms.n_a == 50


@pytest.mark.parametrize(
    ("signals", "state", "after", "cause"),
    [
        (Signals(drift_began=True), TOP, 1, "drift"),
        (Signals(divergence_began=True), MIDDLE, 0, "divergence"),
        (Signals(drift_began=True), LOWEST, SUPERVISED, "drift"),
        (Signals(verified=False), TOP, SUPERVISED, "model.unverified"),
        (Signals(breaker_open=True), TOP, HUMAN, "breaker"),
        (Signals(breaker_open=True), State(), HUMAN, "breaker"),
        (Signals(breaker_open=True, verified=False, drift_began=True), TOP, HUMAN, "breaker"),
        (CALM, State(rung=HUMAN), SUPERVISED, "breaker closed"),
    ],
)
def test_falls_at_once(signals: Signals, state: State, after: int, cause: str) -> None:
    ((_, before, found, why),) = causes(state, [EQUAL], signals)
    assert (before, found, why) == (state.rung, after, cause)


@pytest.mark.parametrize("state", [LOWEST, MIDDLE, TOP])
def test_every_rung_that_is_left_counts_an_attempt_and_keeps_what_was_seen_recently(state: State) -> None:
    after, _ = advance(state, LADDER, EQUAL, Signals(breaker_open=True))
    assert (after.attempt, after.log_e, after.log_m, after.days) == (2, 0.0, 0.0, 0)
    assert after.recent.n_b == 160
    again, _ = advance(after, LADDER, NOTHING, CALM)
    assert (again.rung, again.attempt) == (SUPERVISED, 2)


def test_the_fall_margin_is_what_was_shown_between_a_third_of_the_margin_and_all_of_it() -> None:
    def shown(arms: Arms, ladder: Ladder = LADDER) -> float | None:
        state = replace(LOWEST, log_e=log(50), days=9, arms=arms)
        return advance(state, ladder, NOTHING, CALM)[0].fall_margin

    se = (0.8 * 0.2 / 2000 + 0.81 * 0.19 / 8000) ** 0.5
    assert shown(Arms(2000, 1600, 8000, 6480)) == pytest.approx(1.28 * se + 0.01)
    assert shown(Arms(200, 190, 800, 640)) == pytest.approx(0.05 / 3)
    assert shown(Arms(20, 16, 80, 64)) == pytest.approx(0.05)
    assert shown(Arms(20, 16, 80, 64), replace(LADDER, fall_margin=0.02)) == 0.02


def test_days_with_an_empty_arm_say_nothing() -> None:
    state, step = advance(MIDDLE, LADDER, ArmDay(40, 0, 0, 0), CALM)
    assert (step, state.log_e, state.log_m) == (None, 0.0, 0.0)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.floats(0, 1), st.integers(0, 60), st.floats(0, 1), st.booleans()), max_size=20
    )
)
def test_any_days_leave_it_on_a_rung_and_the_count_never_falls(told: list[tuple[int, float, int, float, bool]]) -> None:
    state = State()
    for n_a, a, n_b, b, trouble in told:
        signals = Signals(drift_began=trouble, judged=n_a, approved=n_a)
        after, step = advance(state, LADDER, ArmDay(n_a, n_a * a, n_b, n_b * b), signals)
        assert HUMAN <= after.rung < len(LADDER.shares)
        assert after.attempt >= state.attempt
        assert (step is None) == (after.rung == state.rung)
        state = after


def test_folding_a_log_in_two_parts_is_folding_it_whole() -> None:
    days = [BETTER] * 30 + [WORSE] * 20 + [EQUAL] * 30
    state = LOWEST
    for day in days[:37]:
        state, _ = advance(state, LADDER, day, CALM)
    assert run(LOWEST, days)[37:] == run(state, days[37:])


@pytest.mark.parametrize("n_day", [40, 200])
def test_the_benchmarks_arrays_take_the_same_steps(n_day: int) -> None:
    """Ten intents that are equal for a quarter and erode then, day by day on both ways."""
    ladder = Ladder().fitted(n_day, 20)
    intents, dice = Intents.at(ladder, 0, 10), np.random.default_rng(8)
    states = [State(rung=0) for _ in range(10)]
    for number in range(200):
        n_a, n_b = dice.binomial(n_day, np.array(ladder.shares)[intents.rung.astype(int)]), dice.poisson(n_day / 2, 10)
        k_a, k_b = dice.binomial(n_a, 0.84 if number < 100 else 0.6), dice.binomial(n_b, 0.8)
        intents.advance(np.array([n_a, k_a, n_b, k_b], dtype=float))
        for at, state in enumerate(states):
            day = ArmDay(int(n_a[at]), float(k_a[at]), int(n_b[at]), float(k_b[at]))
            states[at], _ = advance(state, ladder, day, CALM)
        assert [state.rung for state in states] == intents.rung.tolist()
        assert [state.attempt for state in states] == intents.attempt.tolist()
        assert [state.log_e for state in states] == pytest.approx(intents.log_e.tolist(), abs=1e-6)
    assert {0, len(ladder.shares) - 1} >= {state.rung for state in states}
    assert max(state.attempt for state in states) >= 3


def test_an_intent_at_the_margin_rises_wrongly_in_at_most_5_per_cent_of_years() -> None:
    ladder = replace(Ladder(), margin=0.05)
    lived = live(World(200, lambda _: -0.05), Intents.at(ladder, 0, 300), 365, seed=9)
    assert np.mean(lived.rises > 0) <= 0.05


@pytest.mark.parametrize(
    ("n_day", "shares", "margin"),
    [
        (1000, (0.2, 0.5, 0.9), 0.05),
        (200, (0.2, 0.5, 0.9), 0.05),
        (100, (0.2, 0.5, 0.8), 0.05),
        (40, (0.2, 0.5), 0.05),
        (39, (0.2, 0.5), 0.1),
        (5, (0.2, 0.5), 0.1),
        (0, (0.2, 0.5), 0.1),
    ],
)
def test_the_ladder_leaves_people_their_part(n_day: int, shares: tuple[float, ...], margin: float) -> None:
    found = Ladder().fitted(n_day, 20)
    assert found.shares == pytest.approx(shares)
    assert found.margin == margin
