"""Costs in binary fractions."""

import pytest

from handrail.adapters.usage import usd


@pytest.mark.parametrize(
    ("cost", "expected"),
    [(0.021599999999999998, "0.021600000000"), (3.6e-3, "0.003600000000"), (1e-15, "0"), (-1e-9, "0")],
)
def test_a_cost_has_twelve_decimals_at_most(cost: float, expected: str) -> None:
    assert f"{usd(cost):f}" == expected
