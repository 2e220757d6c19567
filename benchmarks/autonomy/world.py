"""Intents that are lived through: customers come, both arms answer, and a week later one knows how it went."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from benchmarks.autonomy.arms import Floats
from handrail.streams.quality.ladder import Ladder

DELAY_DAYS = 7
PERSISTENCE = 0.7


class Rule(Protocol):
    """What moves the shares."""

    ladder: Ladder
    rung: Floats

    def advance(self, day: Floats) -> tuple[Floats, Floats]: ...


@dataclass(frozen=True)
class World:
    """`n_day` conversations a day (Poisson); `gap(day)`: true rate of the AI less that of people.

    Day effects move both arms' log odds together: sd `day_sd`, lag-1 correlation PERSISTENCE. `ai_day_sd`: days that
    move the AI's arm alone, without memory.
    """

    n_day: int
    gap: Callable[[int], float]
    people: float = 0.8
    day_sd: float = 0.15
    ai_day_sd: float = 0.0


@dataclass
class Lived:
    """What happened to each intent; days of first events, -1 for never."""

    first_rise: Floats
    top: Floats
    first_fall: Floats
    rises: Floats
    falls: Floats
    rung: Floats


def live(world: World, rule: Rule, days: int, seed: int) -> Lived:
    """All intents of the rule through that many days."""
    dice = np.random.default_rng(seed)
    number = len(rule.rung)
    lived = Lived(*(np.full(number, -1.0) for _ in range(3)), *(np.zeros(number) for _ in range(3)))
    mood, waiting = np.zeros(number), deque[Floats]()
    shares, top = np.array(rule.ladder.shares), len(rule.ladder.shares) - 1
    for day in range(days):
        mood = PERSISTENCE * mood + dice.normal(0, world.day_sd * np.sqrt(1 - PERSISTENCE**2), number)
        waiting.append(_day(world, day, shares[rule.rung.astype(int)], mood, dice))
        if len(waiting) <= DELAY_DAYS:
            continue
        rose, fell = rule.advance(waiting.popleft())
        lived.rises += rose
        lived.falls += fell
        _first(lived.first_rise, rose, day)
        _first(lived.first_fall, fell, day)
        _first(lived.top, rule.rung == top, day)
    lived.rung = rule.rung
    return lived


def _day(world: World, day: int, share: Floats, mood: Floats, dice: np.random.Generator) -> Floats:
    people = _rate(_odds(world.people) + mood)
    ai = np.clip(people + world.gap(day), 0.01, 0.99)
    if world.ai_day_sd:
        ai = _rate(_odds(ai) + dice.normal(0, world.ai_day_sd, len(mood)))
    n = dice.poisson(world.n_day, len(mood))
    n_a = dice.binomial(n, share)
    n_b = n - n_a
    return np.array([n_a, dice.binomial(n_a, ai), n_b, dice.binomial(n_b, people)], dtype=float)


def _first(found: Floats, now: Floats, day: int) -> None:
    found[(found < 0) & now] = day


def _odds(rate: Floats | float) -> Floats:
    return np.log(rate / (1 - np.asarray(rate)))


def _rate(odds: Floats) -> Floats:
    return 1 / (1 + np.exp(-odds))
