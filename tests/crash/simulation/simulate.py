"""Many schedules, one after the other."""

import time
from collections.abc import Iterable

from tests.crash.simulation.run import Order, Simulation, Tally
from tests.crash.simulation.schedule import schedule
from tests.crash.simulation.worker import RIGHT, in_memory


def simulate(seeds: Iterable[int], order: Order = RIGHT) -> Tally:
    """Every crash point of these schedules. What a broken order dies of is a fault like others."""
    tally = Tally()
    with in_memory():
        for seed in seeds:
            one = Simulation(schedule(seed), order)
            try:
                one.run()
            except Exception as error:
                if order is RIGHT:
                    raise
                one.fault(f"died of {type(error).__name__}: {error}")
            tally.add(one.tally)
    return tally


def counted(seeds: range) -> tuple[Tally, float]:
    """The tally and the CPU seconds it took."""
    started_s = time.process_time()
    return simulate(seeds), time.process_time() - started_s
