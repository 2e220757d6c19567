"""Money: a decimal in a string on the wire, integer pico-dollars (1e-12 USD) inside, so that sums are exact."""

import re
from functools import lru_cache

from handrail.schemas.errors import SchemaError

PATTERN = r"^[0-9]{1,9}(\.[0-9]{1,12})?$"
PICO = 10**12
_MATCH = re.compile(PATTERN, re.ASCII).fullmatch


def to_pico(text: str) -> int:
    """Pico-dollars of `12.34`. Raises SchemaError for anything else."""
    if _MATCH(text) is None:
        raise SchemaError(f'cost_usd: must be a decimal in a string such as "0.0412", got {text[:40]!r}')
    dollars, _, fraction = text.partition(".")
    return int(dollars) * PICO + int(fraction.ljust(12, "0") or "0")


@lru_cache(4096)
def from_pico(pico: int) -> str:
    """Dollars with at least two decimals and no zeros beyond those that are needed: `10.00`, `0.0412`."""
    dollars, fraction = divmod(pico, PICO)
    return f"{dollars}.{f'{fraction:012d}'.rstrip('0').ljust(2, '0')}"
