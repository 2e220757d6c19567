"""`prices.yaml`: what a token costs. A model that is not listed has no price, and is never taken for free.

usd_per_million_tokens:
  gpt-4.1: {input: "2.00", cached_input: "0.50", output: "8.00"}
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handrail.policies.mistakes import Mistakes, shown
from handrail.policies.numeric import number, scaled
from handrail.policies.shape import at, known_keys, mapping, required

USD_MAX = 1_000_000
MODELS_MAX = 10_000
_DATE = re.compile(r"(-[0-9]{4}-[0-9]{2}-[0-9]{2}|-[0-9]{8}|@[0-9a-z-]+)$")
_EXAMPLE = '{gpt-4.1: {input: "2.00", output: "8.00"}}'


@dataclass(frozen=True, slots=True)
class Price:
    """Pico-dollars (1e-12 USD) for one token of each kind."""

    input: int
    cached_input: int
    output: int


class Prices:
    """Prices by model name, however a provider writes it."""

    def __init__(self, models: Mapping[str, Price]) -> None:
        self._models = {name.casefold(): price for name, price in models.items()}

    def __len__(self) -> int:
        return len(self._models)

    def price(self, model_name: str, provider: str | None = None) -> Price | None:
        """The price of a model, or None where it is not listed: then its tokens are counted as unpriced."""
        spellings = _spellings(model_name.strip().casefold(), provider)
        return next((self._models[name] for name in spellings if name in self._models), None)


def _spellings(name: str, provider: str | None) -> Iterator[str]:
    """A model's name as written, with and without its provider, then without the date of its release."""
    if provider:
        yield f"{provider.strip().casefold()}/{name}"
    yield name
    bare = name.rpartition("/")[2]
    yield bare
    if bare.startswith("ft:"):  # a fine-tuned model costs something else than its base
        return
    yield _DATE.sub("", name)
    yield _DATE.sub("", bare)


def read_prices(value: Any, mistakes: Mistakes) -> dict[str, Price]:
    """The prices of a parsed file, by model name as written."""
    root = mapping(value, "", mistakes, f"usd_per_million_tokens: {_EXAMPLE}")
    known_keys(root, "", ("usd_per_million_tokens",), mistakes)
    path = "usd_per_million_tokens"
    named = mapping(root.get(path), path, mistakes, _EXAMPLE)
    if len(named) > MODELS_MAX:
        mistakes.add(path, f"has {len(named)} models: write at most {MODELS_MAX}")
        return {}
    return {name: _price(settings, at(path, name), mistakes) for name, settings in named.items()}


def _price(value: Any, path: str, mistakes: Mistakes) -> Price:
    settings = mapping(value, path, mistakes, '{input: "2.00", output: "8.00"}')
    known_keys(settings, path, ("input", "cached_input", "output"), mistakes)
    needed = {key: required(settings, path, key, 'USD such as "2.00"', mistakes) for key in ("input", "output")}
    usd = {**needed, "cached_input": settings.get("cached_input", needed["input"])}
    return Price(**{key: _pico(amount, at(path, key), mistakes) for key, amount in usd.items()})


def _pico(value: Any, path: str, mistakes: Mistakes) -> int:
    amount = number(value)
    if amount is None or not 0 <= amount <= USD_MAX:
        mistakes.add(path, f'must be USD for a million tokens such as "2.00", got {shown(value)}')
        return 0
    pico = scaled(amount, 6)  # one USD for a million tokens is 10^6 pico-dollars a token
    if pico is None:
        mistakes.add(path, f"must have at most 6 decimals, got {shown(value)}")
    return pico or 0
