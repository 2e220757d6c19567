"""Every crash point of one schedule, with takers-over, second crashes and a writer that comes back too late."""

import random
from dataclasses import dataclass, field

from handrail.streams.governor.partition import PartitionFold
from tests.crash.simulation.cluster import Cluster
from tests.crash.simulation.schedule import Schedule
from tests.crash.simulation.view import Remembered, View
from tests.crash.simulation.worker import PUBLISHED, RIGHT, Order, Worker, recovered

FETCH_MAX = 5
STEPS_MAX = 2_000  # of one worker; a schedule takes some 60


@dataclass(frozen=True, slots=True)
class Point:
    """A place to crash: what was on the topics when it came (see Cluster), and what could be committed."""

    outputs: int
    end: int
    ahead: int
    processed: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What went wrong in a schedule. `conflict`: there is an output that the oracle has not."""

    seed: int
    what: str
    conflict: bool = False

    def __str__(self) -> str:
        return f"seed {self.seed}: {self.what}"


@dataclass(slots=True)
class Tally:
    """What the runs of one or many schedules came to."""

    schedules: int = 0
    records: int = 0
    points: int = 0
    recoveries: int = 0
    zombies: int = 0
    copies: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def wrong(self) -> set[int]:
        """The seeds of the schedules that went wrong."""
        return {fault.seed for fault in self.faults}

    @property
    def conflicting(self) -> set[int]:
        """Those that put something else on a topic than the oracle."""
        return {fault.seed for fault in self.faults if fault.conflict}

    def add(self, other: "Tally") -> None:
        for name in ("schedules", "records", "points", "recoveries", "zombies", "copies", "faults"):
            setattr(self, name, getattr(self, name) + getattr(other, name))


class Simulation:
    """One schedule under one delivery order."""

    def __init__(self, plan: Schedule, order: Order = RIGHT) -> None:
        self.plan, self.order = plan, order
        self.dice = random.Random(plan.seed + 1)
        self.log = plan.records
        self.tally = Tally(schedules=1, records=len(plan.records))

    def run(self) -> Tally:
        """Stop at every point; each successor must end like the oracle. Then a second crash, or a late writer."""
        rows_max = self.dice.choice((1, 2, 3, 5, 40))
        cluster = Cluster()
        worker = Worker(cluster, self.log, self.order, rows_max, False, self.dice.random() < 0.5)
        points = self.walk(worker)
        self.judge(cluster, "no crash", worker.fold, compacted=False)
        self.tally.points += len(points)
        for point in recoveries(points):
            self.taken_over(cluster.at(point.outputs, point.end, point.ahead), point, f"crash at {point}")
        if self.plan.seed % 2:
            self.crash_twice(cluster, points)
        else:
            self.zombie(rows_max)
        return self.tally

    # --- one worker

    def walk(self, worker: Worker, steps: int = STEPS_MAX) -> list[Point]:
        """Fetch, write and acknowledge in an order of the dice, until all is delivered or `steps` are over."""
        points = [self._point(worker)]
        for _ in range(steps):
            possible = worker.producer.possible()
            if not possible and not worker.left:
                break
            if worker.left and (not possible or self.dice.random() < 0.2):
                worker.fetch(self.dice.randint(1, FETCH_MAX))
                continue
            worker.step(*self.dice.choice(possible))
            points.append(self._point(worker))
        else:
            assert steps < STEPS_MAX, "the worker never comes to an end"
        return points

    def _point(self, worker: Worker) -> Point:
        processed = max(worker.consumer.processed.values(), default=0)
        cluster = worker.cluster
        return Point(len(cluster.outputs), cluster.end, cluster.ahead, processed)

    def finish(self, worker: Worker) -> None:
        """Fetch and deliver what is left, each batch acknowledged at once.

        Most stop when they have passed everything that was written before they came. Where they remember then what the
        oracle does, the rest of their way is the oracle's. One in sixteen goes it.
        """
        ahead = worker.cluster.ahead if self.dice.random() < 0.9375 else len(self.log)
        while worker.left and worker.fold.position < ahead:
            worker.fetch(self.dice.randint(1, FETCH_MAX))

    # --- crashes

    def taken_over(self, cluster: Cluster, point: Point, what: str) -> None:
        """Another worker recovers and goes on to the end."""
        if self.dice.random() < 0.5:
            cluster = cluster.compacted()
        worker = self.successor(cluster, point.processed)
        self.finish(worker)
        self.judge(cluster, what, worker.fold, compacted=self.dice.random() < 0.5)

    def successor(self, cluster: Cluster, processed: int, eager: bool = True) -> Worker:
        """A new owner; nothing that is committed lies behind the place where it begins."""
        self.tally.recoveries += 1
        rows_max, often = self.dice.choice((1, 2, 3, 5, 40)), self.dice.random() < 0.25
        worker = Worker(cluster, self.log, self.order, rows_max, eager, often=often)
        if worker.consumer.next < processed:
            self.fault(f"recovered at {worker.consumer.next}, committed {processed}")
        return worker

    def crash_twice(self, cluster: Cluster, points: list[Point]) -> None:
        """The successor of a crash crashes too, at any of its own points."""
        first = self.dice.choice(points)
        second = cluster.at(first.outputs, first.end, first.ahead)
        found = self.walk(self.successor(second, first.processed, eager=False))
        point = self.dice.choice(found)
        self.taken_over(second.at(point.outputs, point.end, point.ahead), point, f"crash at {first}, again at {point}")

    def zombie(self, rows_max: int) -> None:
        """A worker stands still between two acknowledgements, and goes on after its successor has written."""
        self.tally.zombies += 1
        cluster = Cluster()
        old = Worker(cluster, self.log, self.order, rows_max, eager=False)
        stopped = self.walk(old, self.dice.randint(1, 60))[-1]
        new = self.successor(cluster, stopped.processed, eager=False)
        self.walk(new, self.dice.randint(1, 60))
        self.walk(old, self.dice.randint(1, 40))
        if self.dice.random() < 0.5:
            old.close()
        what = f"stopped at {stopped}, went on later"
        if self.dice.random() < 0.5:  # the successor goes on, and sees the gap if it has anything left to write
            self.walk(new)
            processed = self._point(new).processed
        else:
            processed = 0
        self.last_owner(cluster, processed, what)

    def last_owner(self, cluster: Cluster, processed: int, what: str) -> None:
        """Takes over and goes on to the end; then the changelog is compacted, and read once more."""
        worker = self.successor(cluster, processed)
        self.finish(worker)
        self.judge(cluster, what, worker.fold, compacted=True)
        self.judge(cluster, what, worker.fold, compacted=False)

    # --- judging

    def judge(self, cluster: Cluster, what: str, fold: PartitionFold, compacted: bool) -> None:
        """Outputs, memory and changelog beside the oracle's, when all records up to the fold's last are delivered."""
        position = fold.position
        oracle, written = self.plan.oracle, set(cluster.outputs)
        self.tally.copies += len(cluster.outputs) - len(written)
        if lost := oracle.due(position) - written:
            self.fault(f"{what}: {len(lost)} outputs lost")
        if wrong := written - oracle.outputs:
            self.fault(f"{what}: {len(wrong)} outputs that the oracle has not", conflict=True)
        if position < 0:
            return
        self.agrees(fold, position, f"{what}: memory")
        kept, name = (cluster.compacted(), "compacted") if compacted else (cluster, "whole")
        again, _ = recovered(kept, PUBLISHED, self.order, often=self.dice.random() < 0.25)
        self.agrees(again, position, f"{what}: {name} changelog")

    def agrees(self, fold: PartitionFold, position: int, what: str) -> None:
        """The fold remembers what the oracle's does at that position."""
        remembered, oracle = Remembered.of(fold), self.plan.oracle
        if remembered == oracle.remembered[position]:
            return
        try:
            found: View | str = remembered.view()
        except AssertionError as error:
            self.fault(f"{what}: {error}")
            return
        if found != (expected := oracle.view(position)):
            self.fault(f"{what}: differs in {_changed(found, expected)}")

    def fault(self, what: str, conflict: bool = False) -> None:
        """Note it, with the seed that repeats it."""
        self.tally.faults.append(Fault(self.plan.seed, what, conflict))


def recoveries(points: list[Point]) -> list[Point]:
    """One point for each state of the changelog, which is all that a successor reads.

    Of those that leave the same changelog, the first has the fewest outputs and the last has most committed: where a
    successor makes up for the fewest and begins behind the most, it does so for all between them.
    """
    found: dict[int, Point] = {}
    for point in points:
        fewest = found.setdefault(point.end, point)
        found[point.end] = Point(fewest.outputs, point.end, point.ahead, max(fewest.processed, point.processed))
    return list(found.values())


def _changed(found: View, expected: View) -> list[str]:
    return sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
