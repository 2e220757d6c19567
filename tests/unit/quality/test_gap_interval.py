"""The interval of the gap between two arms: what it holds, how it narrows, and that looking every day does not harm."""

import random

import pytest

from handrail.streams.quality.evalue import ArmDay
from handrail.streams.quality.gap_interval import GAP_MAX, interval


def days(dice: random.Random, number: int, gap: float, n_a: int = 20, n_b: int = 40) -> list[ArmDay]:
    """Days that move both arms alike."""
    found = []
    for _ in range(number):
        people = 0.75 + dice.choice((-0.05, 0.0, 0.05))
        k_a, k_b = (sum(dice.random() < rate for _ in range(n)) for rate, n in ((people + gap, n_a), (people, n_b)))
        found.append(ArmDay(n_a, k_a, n_b, k_b))
    return found


def test_it_lies_around_what_was_seen_and_narrows() -> None:
    told = days(random.Random(1), 120, 0.05)
    few, many = interval(told[:20]), interval(told)
    assert few is not None
    assert many is not None
    for one in (few, many):
        assert -GAP_MAX <= one.low < one.value < one.high <= GAP_MAX
    assert many.high - many.low < few.high - few.low < 0.5
    assert (many.n_a, many.n_b) == (2400, 4800)


def test_the_true_gap_is_refuted_on_hardly_any_day_of_any_history() -> None:
    wrong = 0
    for seed in range(60):
        found = interval(days(random.Random(seed), 40, -0.1))
        assert found is not None
        wrong += not found.low <= -0.1 <= found.high
    assert wrong <= 3


@pytest.mark.parametrize("told", [[], [ArmDay(5, 3, 0, 0)], [ArmDay(0, 0, 5, 3)]])
def test_with_an_empty_arm_there_is_no_gap(told: list[ArmDay]) -> None:
    assert interval(told) is None


def test_one_outcome_of_each_tells_next_to_nothing() -> None:
    found = interval([ArmDay(1, 1, 1, 0)])
    assert found is not None
    assert (found.value, found.high) == (1.0, GAP_MAX)
    assert found.low < -0.8
