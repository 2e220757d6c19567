"""The schedule is drawn from its seed alone, and never asks for what cannot be."""

import pytest

from tests.crash.schedule import BROKERS, PROCESSES, WORKERS_MAX, WORKERS_MIN, Kind, schedule


def test_a_seed_gives_the_same_faults_again() -> None:
    once, again = (schedule(7, 50, brokers=True, workers=3) for _ in range(2))
    assert once == again
    assert once != schedule(8, 50, brokers=True, workers=3)


@pytest.mark.parametrize("brokers", [True, False])
def test_workers_stay_within_their_bounds_and_only_what_exists_is_hit(brokers: bool) -> None:
    allowed = PROCESSES | (BROKERS if brokers else {})
    for seed in range(20):
        workers = 3
        for fault in schedule(seed, 60, brokers=brokers, workers=workers):
            assert fault.kind in allowed
            low, high = allowed[fault.kind].for_s
            assert low <= fault.for_s <= high
            workers += {Kind.WORKER_ADD: 1, Kind.WORKER_REMOVE: -1}.get(fault.kind, 0)
            assert WORKERS_MIN <= workers <= WORKERS_MAX


def test_every_kind_comes_early() -> None:
    kinds = {fault.kind for fault in schedule(1, len(Kind), brokers=True, workers=3)}
    assert kinds >= set(Kind) - {Kind.WORKER_ADD, Kind.WORKER_REMOVE}  # one may stand for the other
