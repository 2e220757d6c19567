"""The days that an agent is measured against: those that an operator set, else its first four weeks."""

from dataclasses import dataclass
from datetime import date, timedelta

DAYS = 28


@dataclass(frozen=True, slots=True)
class Baseline:
    """UTC days from `first` up to, and without, `end`."""

    first: date
    end: date

    def has(self, day: date) -> bool:
        """Whether the day belongs to it."""
        return self.first <= day < self.end


def baseline_of(first_day: date, chosen: Baseline | None = None) -> Baseline:
    """The baseline of an agent that was first seen on that day. Later days never change it."""
    return chosen or Baseline(first_day, first_day + timedelta(days=DAYS))
