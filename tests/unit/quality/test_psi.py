"""The index against values worked out by hand, and what holds for any counts."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.streams.quality.psi import bin_of, noise, parts, psi

COUNTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 500), min_size=1).filter(
    lambda one: sum(one.values())
)


def test_two_bins_by_hand() -> None:
    # (50.5, 50.5) of 101 beside (80.5, 20.5) of 101
    reference, observed = {"a": 50, "b": 50}, {"a": 80, "b": 20}
    expected = (80.5 - 50.5) / 101 * log(80.5 / 50.5) + (20.5 - 50.5) / 101 * log(20.5 / 50.5)
    assert psi(reference, observed) == pytest.approx(expected)
    assert psi(reference, observed) == pytest.approx(0.4062, abs=1e-4)


def test_the_usual_textbook_table_is_near_its_value_without_smoothing() -> None:
    reference = {"1": 1000, "2": 2000, "3": 4000, "4": 3000}
    observed = {"1": 1500, "2": 2500, "3": 3500, "4": 2500}
    plain = 0.05 * log(1.5) + 0.05 * log(1.25) - 0.05 * log(0.875) - 0.05 * log(2.5 / 3)
    assert psi(reference, observed) == pytest.approx(plain, rel=0.002)


def test_a_bin_that_one_side_lacks_counts_as_half_an_observation() -> None:
    expected = (10.5 / 11 - 0.5 / 11) * log(21) + (0.5 / 11 - 10.5 / 11) * log(1 / 21)
    assert psi({"a": 10}, {"b": 10}) == pytest.approx(expected)


def test_the_largest_part_comes_first() -> None:
    assert list(parts({"a": 50, "b": 40, "c": 10}, {"a": 45, "b": 15, "c": 40})) == ["c", "b", "a"]


@pytest.mark.parametrize(("reference", "observed"), [({}, {"a": 1}), ({"a": 1}, {}), ({"a": 0}, {"a": 1})])
def test_nothing_cannot_be_compared(reference: dict[str, int], observed: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="nothing was counted"):
        psi(reference, observed)


@given(COUNTS, COUNTS)
def test_it_is_symmetric_and_never_negative(one: dict[str, int], other: dict[str, int]) -> None:
    assert psi(one, other) == pytest.approx(psi(other, one))
    assert all(part >= 0 for part in parts(one, other).values())


@given(COUNTS)
def test_the_same_shares_are_no_shift(one: dict[str, int]) -> None:
    assert psi(one, one) == 0
    assert psi(one, one | {"never": 0}) == 0


def test_chance_is_what_the_chi_squared_table_says() -> None:
    # 99.9 % of chi-squared with 5 degrees of freedom is 20.515, with 2 it is 13.816
    six, three = dict.fromkeys("abcdef", 50), dict.fromkeys("abc", 100)
    assert noise(six, six, 0.999) == pytest.approx(20.515 * 2 / 300, rel=0.02)
    assert noise(three, three, 0.999) == pytest.approx(13.816 * 2 / 300, rel=0.03)
    assert noise({"a": 9}, {"a": 9}) == 0


@pytest.mark.parametrize(("value", "lower"), [(0, "0.0"), (0.1, "0.1"), (0.19, "0.1"), (7.0, "0.2")])
def test_a_number_falls_into_the_bin_whose_lower_edge_it_reaches(value: float, lower: str) -> None:
    assert bin_of(value, (0.0, 0.1, 0.2)) == lower
