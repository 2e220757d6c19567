"""Means from labels and a judge: closed forms, what a judge cannot do to them, and how often the interval is right."""

import random
from math import sqrt
from statistics import fmean

import pytest

from handrail.streams.quality.agreement import Table, kappa, rogan_gladen, sensitivity, specificity
from handrail.streams.quality.estimate import Estimate, Interval, ppi, wilson

TRUTH = 0.74


def test_wilson_as_in_the_books() -> None:
    found = wilson(81, 263)  # R. Newcombe, Two-sided confidence intervals for the single proportion, 1998, table I
    assert found == Interval(pytest.approx(81 / 263), pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    none = wilson(0, 20)
    assert none == Interval(0.0, pytest.approx(0.0), pytest.approx(0.1611, abs=5e-5))
    assert wilson(0, 0) is None


def test_a_rate_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match="is no rate"):
        wilson(3, 2)


def test_labels_alone_where_there_is_no_judge() -> None:
    found, rate = ppi([1, 1, 0, 1], [], []), wilson(3, 4)
    assert rate is not None
    assert found == Estimate(0.75, rate.low, rate.high, 0.0)
    assert ppi([], [0.5], [0.5]) is None


def test_ppi_in_closed_form() -> None:
    labels, judged, rest = [1.0, 0.0, 1.0, 0.0, 1.0, 1.0], [0.9, 0.2, 0.8, 0.4, 0.7, 0.3], [0.6, 0.5, 0.9, 0.1]
    both = judged + rest
    spread = sum((one - fmean(both)) ** 2 for one in both) / 9
    together = sum((y - fmean(labels)) * (f - fmean(judged)) for y, f in zip(labels, judged, strict=True)) / 5
    weight = min(1.0, together / (spread * (1 + 6 / 4)))
    left = [y - weight * f for y, f in zip(labels, judged, strict=True)]
    variance = sum((one - fmean(left)) ** 2 for one in left) / 5
    mean = fmean(labels) + weight * (fmean(rest) - fmean(judged))
    half = 1.959964 * sqrt(variance / 6 + weight**2 * spread / 4)
    found = ppi(labels, judged, rest)
    assert found is not None
    assert 0 < found.weight < 1
    assert found == Estimate(*map(pytest.approx, (mean, max(0, mean - half), min(1, mean + half), weight)))


@pytest.mark.parametrize("judged", [[0.5] * 4, [0.1, 0.9, 0.1, 0.9]])
def test_a_judge_that_says_nothing_or_the_contrary_has_no_weight(judged: list[float]) -> None:
    found = ppi([1, 0, 1, 0], judged, judged * 3)
    assert found is not None
    assert (found.weight, found.mean) == (0.0, 0.5)


def test_labels_of_one_class_have_a_width_all_the_same() -> None:
    found = ppi([1.0] * 30, [0.9] * 15 + [0.8] * 15, [0.9, 0.8] * 50)
    assert found is not None
    assert (found.mean, found.weight) == (1.0, 0.0)
    assert found.low == pytest.approx(0.8865, abs=5e-5)


def test_scores_that_belong_to_other_labels_are_refused() -> None:
    with pytest.raises(ValueError, match="2 labels beside 1 scores"):
        ppi([1, 0], [0.5], [0.5])


def judged_by_a_biased_judge(dice: random.Random, n: int) -> tuple[list[float], list[float]]:
    """Truth .74; the judge calls 93 % of the good good, and 45 % of the bad too: its mean is .80."""
    labels = [float(dice.random() < TRUTH) for _ in range(n)]
    return labels, [float(dice.random() < (0.93 if y else 0.45)) for y in labels]


def test_a_biased_judge_biases_nothing_and_the_interval_keeps_its_promise() -> None:
    dice, means, right = random.Random(5), [], 0
    for _ in range(400):
        labels, judged = judged_by_a_biased_judge(dice, 1000)
        found = ppi(labels[:150], judged[:150], judged[150:])
        assert found is not None
        means.append(found.mean)
        right += found.low <= TRUTH <= found.high
    assert fmean(means) == pytest.approx(TRUTH, abs=0.006)
    assert right / 400 >= 0.92  # of 3,000 such, 94.3 %


def test_kappa_sensitivity_and_specificity_by_hand() -> None:
    pairs = [(True, True)] * 20 + [(True, False)] * 5 + [(False, True)] * 10 + [(False, False)] * 15
    table = Table.of(pairs)
    assert table == Table(20, 5, 10, 15)
    half = 1.959964 * sqrt(0.7 * 0.3 / 50) / 0.5
    assert kappa(table) == Interval(*map(pytest.approx, (0.4, 0.4 - half, 0.4 + half)))
    assert sensitivity(table) == wilson(20, 25)
    assert specificity(table) == wilson(15, 25)


@pytest.mark.parametrize("table", [Table(), Table(good_good=9), Table(bad_bad=9)])
def test_with_one_class_agreement_cannot_be_told_from_chance(table: Table) -> None:
    assert kappa(table) is None


def test_what_was_not_seen_has_no_rate() -> None:
    assert sensitivity(Table(bad_bad=9)) is None
    assert specificity(Table(good_good=9)) is None


def test_rogan_gladen_undoes_a_known_judge_and_no_other() -> None:
    said = 0.8 * 0.85 + 0.2 * 0.25
    assert rogan_gladen(said, 0.85, 0.75) == pytest.approx(0.8)
    assert rogan_gladen(TRUTH * 0.93 + (1 - TRUTH) * 0.45, 0.85, 0.75) == pytest.approx(0.9253, abs=1e-4)  # truth .74
    assert rogan_gladen(0.5, 0.5, 0.5) is None
