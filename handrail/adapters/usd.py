"""Costs as frameworks give them, in binary fractions, as the contract takes them."""

from decimal import Decimal

PICO_USD = Decimal("1e-12")  # the contract's smallest amount


def usd(cost: float) -> Decimal:
    """The cost in USD, to the contract's twelve decimals; nothing below zero."""
    return max(Decimal(0), Decimal(str(cost)).quantize(PICO_USD))
