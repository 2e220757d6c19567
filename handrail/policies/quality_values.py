"""The kinds of values that `quality.yaml` has; each reads one, or notes the mistake and gives None."""

import re
from dataclasses import dataclass
from typing import Any, Protocol

from handrail.policies.mistakes import Mistakes, shown
from handrail.policies.numeric import number, scaled
from handrail.policies.shape import choice, decimal, integer, items_of, text, truth

ADDRESS = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")
SHOWN = "shown"
PICO_DIGITS = 12


class Kind(Protocol):
    """A kind of value. `may_be_empty`: None is a value of it."""

    @property
    def may_be_empty(self) -> bool: ...

    def read(self, value: Any, path: str, mistakes: Mistakes) -> Any: ...


@dataclass(frozen=True, slots=True)
class Number:
    """A number from `least` to `most`; `above`: `least` itself is none."""

    least: float
    most: float
    above: bool = False
    may_be_empty: bool = False

    def read(self, value: Any, path: str, mistakes: Mistakes) -> float | None:
        exact = decimal(value, path, mistakes)
        if exact is None:
            return None
        if not self.least <= exact <= self.most or (self.above and exact == self.least):
            range_ = f"above {self.least:g} and at most" if self.above else f"from {self.least:g} to"
            mistakes.add(path, f"must be {range_} {self.most:g}, got {shown(value)}")
            return None
        return float(exact)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `least` to `most`."""

    least: int
    most: int
    may_be_empty: bool = False

    def read(self, value: Any, path: str, mistakes: Mistakes) -> int | None:
        return integer(value, path, self.least, self.most, mistakes)


@dataclass(frozen=True, slots=True)
class Word:
    """One of some words."""

    words: tuple[str, ...]
    may_be_empty: bool = False

    def read(self, value: Any, path: str, mistakes: Mistakes) -> str | None:
        return choice(value, path, self.words, mistakes)


@dataclass(frozen=True, slots=True)
class Words:
    """A list of some of the words, each once."""

    words: tuple[str, ...]
    may_be_empty: bool = False

    def read(self, value: Any, path: str, mistakes: Mistakes) -> tuple[str, ...] | None:
        items = items_of(value, path, mistakes, "names")
        names = [choice(item, f"{path}[{index}]", self.words, mistakes) for index, item in enumerate(items)]
        for index, item in enumerate(names):
            if item is not None and item in names[:index]:
                mistakes.add(f"{path}[{index}]", f"is there twice: {item}")
        return tuple(item for item in names if item is not None)


@dataclass(frozen=True, slots=True)
class Truth:
    """True or false."""

    may_be_empty: bool = False

    def read(self, value: Any, path: str, mistakes: Mistakes) -> bool | None:
        return truth(value, path, mistakes)


@dataclass(frozen=True, slots=True)
class Text:
    """Text; `empty`: nothing behind the colon means that there is none."""

    empty: bool = False

    @property
    def may_be_empty(self) -> bool:
        return self.empty

    def read(self, value: Any, path: str, mistakes: Mistakes) -> str | None:
        return None if value is None and self.empty else text(value, path, mistakes)


@dataclass(frozen=True, slots=True)
class Address:
    """The address of a service, without a query; nothing means that there is none."""

    may_be_empty: bool = True

    def read(self, value: Any, path: str, mistakes: Mistakes) -> str | None:
        if value is None or (isinstance(value, str) and ADDRESS.fullmatch(value)):
            return value
        mistakes.add(path, f'must be an address such as "https://models.example/v1", got {shown(value)}')
        return None


@dataclass(frozen=True, slots=True)
class Amount:
    """USD up to `most`, as pico-dollars (1e-12 USD)."""

    most: int
    may_be_empty: bool = False

    def read(self, value: Any, path: str, mistakes: Mistakes) -> int | None:
        amount = number(value)
        if amount is None or not 0 <= amount <= self.most:
            mistakes.add(path, f'must be an amount in USD such as "5.00", got {shown(value)}')
            return None
        pico = scaled(amount, PICO_DIGITS)
        if pico is None:
            mistakes.add(path, f"must have at most {PICO_DIGITS} decimals, got {shown(value)}")
        return pico


@dataclass(frozen=True, slots=True)
class Rungs:
    """Shares that rise, above 0 and at most `most`: people keep a part at every rung."""

    most: float
    may_be_empty: bool = False

    def read(self, value: Any, path: str, mistakes: Mistakes) -> tuple[float, ...] | None:
        items = items_of(value, path, mistakes, "shares such as [0.2, 0.5, 0.9]")
        rung = Number(0, self.most, above=True)
        shares = [rung.read(item, f"{path}[{index}]", mistakes) for index, item in enumerate(items)]
        valid = [share for share in shares if share is not None]
        for index in range(1, len(valid)):
            if valid[index] <= valid[index - 1]:
                mistakes.add(f"{path}[{index}]", f"must be above the share before it ({valid[index - 1]:g})")
        return tuple(valid) or None


@dataclass(frozen=True, slots=True)
class Shown:
    """`shown`, which is None, or a number above 0 and at most `most`."""

    most: float
    may_be_empty: bool = True

    def read(self, value: Any, path: str, mistakes: Mistakes) -> float | None:
        if value == SHOWN:
            return None
        if number(value) is None:
            mistakes.add(path, f"must be {SHOWN} or a number, got {shown(value)}")
            return None
        return Number(0, self.most, above=True).read(value, path, mistakes)
