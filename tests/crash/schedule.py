"""Which faults come when: drawn from a seed before the run begins, so that a failing run can be repeated. Pure."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

WORKERS_MIN, WORKERS_MAX = 2, 4


class Kind(StrEnum):
    """What can go wrong, by the name that reports use."""

    WORKER_KILL = "worker kill -9"
    WORKER_PAUSE = "worker stopped past its session"
    WORKER_ADD = "worker added"
    WORKER_REMOVE = "worker removed (SIGTERM)"
    SINK_KILL = "sink kill -9 inside a commit"
    DISK_FULL = "disk full for the sink"
    BROKER_KILL = "broker kill -9 and return"
    BROKER_SLOW = "broker stopped for some seconds"
    COORDINATOR_KILL = "group coordinator kill -9"
    ALL_AWAY = "all brokers away for 20 s"


@dataclass(frozen=True, slots=True)
class Choice:
    """How often a kind comes beside the others, and how long it lasts, in seconds."""

    weight: float
    for_s: tuple[float, float] = (0.0, 0.0)


PROCESSES = {
    Kind.WORKER_KILL: Choice(8),
    Kind.WORKER_PAUSE: Choice(4, (7.0, 10.0)),  # the session ends after 6 s
    Kind.WORKER_ADD: Choice(2),
    Kind.WORKER_REMOVE: Choice(2),
    Kind.SINK_KILL: Choice(4),
    Kind.DISK_FULL: Choice(1, (1.0, 5.0)),
}
BROKERS = {
    Kind.BROKER_KILL: Choice(1.5, (0.0, 11.0)),  # the controller takes a silent broker for dead after 9 s
    Kind.BROKER_SLOW: Choice(1.5, (2.0, 8.0)),
    Kind.COORDINATOR_KILL: Choice(1, (0.0, 11.0)),
    Kind.ALL_AWAY: Choice(0.25, (20.0, 20.0)),
}
GAP_S = (0.2, 1.8)


@dataclass(frozen=True, slots=True)
class Fault:
    """The next fault: `after_s` seconds after the last one began, for `for_s`; `pick` (0 to 1) says whom it hits."""

    number: int
    kind: Kind
    after_s: float
    for_s: float
    pick: float

    def __str__(self) -> str:
        lasts = f" for {self.for_s:.1f} s" if self.for_s else ""
        return f"{self.number:3d}  +{self.after_s:.1f} s  {self.kind}{lasts}"


def schedule(seed: int, count: int, *, brokers: bool, workers: int) -> list[Fault]:
    """`count` faults. Every kind comes once before any is drawn by its weight; workers stay within their bounds."""
    dice = random.Random(seed)
    choices = PROCESSES | (BROKERS if brokers else {})
    faults = []
    for number, kind in enumerate(_kinds(dice, choices, count, workers), start=1):
        low, high = choices[kind].for_s
        faults.append(Fault(number, kind, dice.uniform(*GAP_S), dice.uniform(low, high), dice.random()))
    return faults


def _kinds(dice: random.Random, choices: dict[Kind, Choice], count: int, workers: int) -> Iterator[Kind]:
    first = list(choices)
    dice.shuffle(first)
    kinds = list(choices)
    weights = [choice.weight for choice in choices.values()]
    for _ in range(count):
        kind = first.pop() if first else dice.choices(kinds, weights)[0]
        if kind is Kind.WORKER_ADD and workers >= WORKERS_MAX:
            kind = Kind.WORKER_REMOVE
        elif kind is Kind.WORKER_REMOVE and workers <= WORKERS_MIN:
            kind = Kind.WORKER_ADD
        workers += {Kind.WORKER_ADD: 1, Kind.WORKER_REMOVE: -1}.get(kind, 0)
        yield kind
