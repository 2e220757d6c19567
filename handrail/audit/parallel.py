"""Partitions looked at side by side, each in a process of its own: they share nothing, and each takes time."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from multiprocessing.queues import Queue
from queue import Empty
from typing import TypeVar

from aiokafka import TopicPartition

from handrail.audit.compare import Tell
from handrail.streams.process import collect_less, quiet_logs

WORTH_IT = 20_000  # records; with fewer, starting processes takes longer than they save
TELL_S = 0.2
TOLD = 2_000  # records between two messages about progress

T = TypeVar("T")
Work = Callable[[TopicPartition, Tell], Awaitable[T]]
"""What is done with one partition. It goes to another process, so it is a function of a module, or a partial of one."""

_told: "Queue[int]"


def side_by_side(work: Work[T], partitions: Sequence[TopicPartition], records: int, tell: Tell) -> list[T]:
    """What the work gives for each partition, in their order. `records`: how many there are. Raises what it raises."""
    processes = min(len(partitions), os.cpu_count() or 1)
    if processes < 2 or records < WORTH_IT:
        return asyncio.run(_in_turn(work, partitions, tell))
    context = get_context("spawn")
    told: Queue[int] = context.Queue()
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(told,)) as pool:
        asked = [pool.submit(_one, work, tp) for tp in partitions]
        try:
            _follow(asked, told, tell)
            return [each.result() for each in asked]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


async def _in_turn(work: Work[T], partitions: Sequence[TopicPartition], tell: Tell) -> list[T]:
    return [await work(tp, tell) for tp in partitions]


def _follow(asked: "list[Future[T]]", told: "Queue[int]", tell: Tell) -> None:
    """Pass on how far they are until all have ended, or one has failed."""
    left = set(asked)
    while left:
        done, left = wait(left, timeout=TELL_S)
        for one in done:
            one.result()
        try:
            while True:
                tell(told.get_nowait())
        except Empty:
            continue


def _begin(told: "Queue[int]") -> None:
    global _told
    _told = told
    quiet_logs()
    collect_less()


def _one(work: Work[T], tp: TopicPartition) -> T:
    counted = 0

    def report_count(count: int) -> None:
        nonlocal counted
        counted += count
        if counted >= TOLD:
            _told.put(counted)
            counted = 0

    async def run() -> T:
        return await work(tp, report_count)

    one = asyncio.run(run())
    _told.put(counted)
    return one
