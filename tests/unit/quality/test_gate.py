"""The model gate: exact steps, hard gates, and how often it passes what it should not."""

import random
from math import log, log1p

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.streams.quality.gate import Gate, Pair, State, Verdict, advance

GATE = Gate()
SAME, WORSE, BETTER = Pair(1, 1), Pair(1, 0), Pair(0, 1)


def run(pairs: list[Pair], gate: Gate = GATE) -> State:
    state = State()
    for pair in pairs:
        state = advance(state, gate, pair)
    return state


def test_the_first_pair_in_closed_form() -> None:
    found = advance(State(), GATE, BETTER)
    assert found.log_pass == pytest.approx(log1p(0.4 * 1.1))
    assert found.log_fail == 0.0
    assert (found.n, found.total, found.verdict) == (1, 1, "undecided")


@pytest.mark.parametrize(
    ("pairs", "n", "verdict"),
    [
        ([SAME] * 200, 77, "pass"),
        ([WORSE] * 200, 13, "fail"),
        ([BETTER, WORSE] * 200, 0, "undecided"),
        ([], 0, "undecided"),
    ],
)
def test_the_exact_pair_that_decides(pairs: list[Pair], n: int, verdict: Verdict) -> None:
    assert run(pairs).verdict == verdict
    if n:
        assert run(pairs[:n]).verdict == verdict
        assert run(pairs[: n - 1]).verdict == "undecided"


def test_what_must_never_be_done_fails_at_once_and_for_good() -> None:
    assert run([SAME, Pair(1, 1, forbidden=True), *[BETTER] * 500]).verdict == "fail"


def test_a_verdict_stays() -> None:
    passed = run([SAME] * 80)
    assert passed.verdict == "pass"
    assert advance(passed, GATE, Pair(1, 0, forbidden=True)).verdict == "pass"


def share_passed(gap: float, unlike: float, runs: int = 300, pairs: int = 400) -> float:
    dice, passed = random.Random(2), 0
    for _ in range(runs):
        state = State()
        for _ in range(pairs):
            drawn = dice.random()
            pair = WORSE if drawn < (unlike - gap) / 2 else BETTER if drawn < unlike else SAME
            state = advance(state, GATE, pair)
            if state.verdict != "undecided":
                break
        passed += state.verdict == "pass"
    return passed / runs


def test_a_model_at_the_margin_passes_in_at_most_5_per_cent() -> None:
    assert share_passed(-0.10, 0.25) <= 0.05


def test_an_equal_model_passes_and_a_much_worse_one_does_not() -> None:
    assert share_passed(0.0, 0.25) > 0.8
    assert share_passed(-0.25, 0.3) == 0.0


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=200), st.sampled_from([0.03, 0.1, 0.3]))
def test_any_outcomes_leave_both_processes_above_nothing(told: list[tuple[float, float]], margin: float) -> None:
    state = run([Pair(*one) for one in told], Gate(margin))
    assert state.log_pass > -log(2) * max(1, len(told)) - 1e-9
    assert state.log_fail > -log(2) * max(1, len(told)) - 1e-9


@pytest.mark.parametrize("pair", [Pair(1.1, 0), Pair(0, -0.1), Pair(float("nan"), 0)])
def test_an_outcome_out_of_range_is_refused(pair: Pair) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        advance(State(), GATE, pair)
