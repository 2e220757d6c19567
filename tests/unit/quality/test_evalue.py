"""The e-value of two arms: exact values, the projection as a minimum, and a mean of at most 1 where the null holds."""

from itertools import product
from math import exp, log

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from benchmarks.autonomy import arms as arrays
from handrail.streams.quality.evalue import ArmDay, Side, log_e, projection

RATE = st.floats(0.02, 0.98)
N = st.integers(1, 300)


def divergence(p_a: float, p_b: float, n_a: int, n_b: int, q: float, margin: float) -> float:
    return sum(
        n * (p * log(p / r) + (1 - p) * log((1 - p) / (1 - r))) for n, p, r in ((n_a, p_a, q - margin), (n_b, p_b, q))
    )


@given(RATE, RATE, N, N, st.sampled_from([0.01, 0.05, 0.1]))
def test_the_projection_is_the_nearest_point_of_the_edge(
    p_a: float, p_b: float, n_a: int, n_b: int, margin: float
) -> None:
    q = projection(p_a, p_b, n_a, n_b, margin)
    assume(margin + 0.01 < q < 0.99)
    nearest = divergence(p_a, p_b, n_a, n_b, q, margin)
    for step in (-0.005, -1e-4, 1e-4, 0.005):
        assert nearest <= divergence(p_a, p_b, n_a, n_b, q + step, margin) + 1e-9


def test_a_guess_on_the_edge_is_its_own_projection() -> None:
    assert projection(0.75, 0.8, 30, 70, 0.05) == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("guess", "day", "side", "wanted"),
    [
        ((0.85, 0.8), ArmDay(40, 36, 160, 124), Side.BETTER, 2.5323953045697465),
        ((0.65, 0.8), ArmDay(40, 25, 160, 130), Side.WORSE, 1.4060267189907507),
        ((0.75, 0.8), ArmDay(40, 40, 160, 0), Side.BETTER, 0.0),
        ((0.70, 0.8), ArmDay(40, 40, 160, 0), Side.BETTER, 0.0),
        ((0.85, 0.8), ArmDay(40, 0, 160, 160), Side.WORSE, 0.0),
        ((0.85, 0.8), ArmDay(0, 0, 160, 124), Side.BETTER, 0.0),
        ((0.85, 0.8), ArmDay(40, 36, 0, 0), Side.BETTER, 0.0),
    ],
)
def test_one_day(guess: tuple[float, float], day: ArmDay, side: Side, wanted: float) -> None:
    assert log_e(guess, day, 0.05, side) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("people", [0.1, 0.5, 0.8, 0.94])
def test_its_mean_is_at_most_1_wherever_the_null_holds(side: Side, people: float) -> None:
    """All outcomes of a small day, each weighed with its probability."""
    margin, n_a, n_b = 0.05, 3, 4
    for short in (margin, margin + side * 0.04):
        ai = min(max(people - short, 0.0), 1.0)
        for guess in ((0.9, 0.5), (0.3, 0.8), (0.5, 0.5)):
            mean = 0.0
            for outcomes in product((0, 1), repeat=n_a + n_b):
                k_a, k_b = sum(outcomes[:n_a]), sum(outcomes[n_a:])
                weight = ai**k_a * (1 - ai) ** (n_a - k_a) * people**k_b * (1 - people) ** (n_b - k_b)
                mean += weight * exp(log_e(guess, ArmDay(n_a, k_a, n_b, k_b), margin, side))
            assert mean <= 1 + 1e-9


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_fractional_outcomes_give_no_more_than_what_is_linear_in_them(a: list[float], b: list[float]) -> None:
    guess, margin = (0.85, 0.8), 0.05
    q = projection(*guess, 3, 4, margin)
    linear = 1.0
    for p, r, outcomes in ((guess[0], q - margin, a), (guess[1], q, b)):
        for y in outcomes:
            linear *= y * p / r + (1 - y) * (1 - p) / (1 - r)
    found = log_e(guess, ArmDay(3, sum(a), 4, sum(b)), margin, Side.BETTER)
    assert found <= log(linear) + 1e-9


@given(RATE, RATE, N, N, st.floats(-0.1, 0.2), st.sampled_from(Side), st.floats(0, 1), st.floats(0, 1))
def test_the_benchmarks_arrays_give_the_same(
    p_a: float, p_b: float, n_a: int, n_b: int, margin: float, side: Side, a: float, b: float
) -> None:
    day = ArmDay(n_a, n_a * a, n_b, n_b * b)
    told = tuple(np.array([float(one)]) for one in (day.n_a, day.k_a, day.n_b, day.k_b))
    (found,) = arrays.log_e((np.array([p_a]), np.array([p_b])), told, np.array([margin]), side)
    assert log_e((p_a, p_b), day, margin, side) == pytest.approx(found, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("sums", [(1, 2.0, 1, 0.0), (1, 0.0, 1, -0.5), (-1, 0.0, 1, 0.0), (1, float("nan"), 1, 0.0)])
def test_sums_that_cannot_be_are_refused(sums: tuple[int, float, int, float]) -> None:
    with pytest.raises(ValueError, match="cannot sum up so"):
        ArmDay(*sums)
