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

from handrail.audit.compare import Progress
from handrail.streams.process import collect_less, quiet_logs

WORTH_IT = 20_000  # records; with fewer, starting processes takes longer than they save
POLL_S = 0.2
REPORT_RECORDS = 2_000  # records between two messages about progress

T = TypeVar("T")
Work = Callable[[TopicPartition, Progress], Awaitable[T]]
"""What is done with one partition. It goes to another process, so it is a function of a module, or a partial of one."""

_progress_queue: "Queue[int]"


def side_by_side(work: Work[T], partitions: Sequence[TopicPartition], records: int, progress: Progress) -> list[T]:
    """What the work gives for each partition, in their order. `records`: how many there are. Raises what it raises."""
    processes = min(len(partitions), os.cpu_count() or 1)
    if processes < 2 or records < WORTH_IT:
        return asyncio.run(_run_in_turn(work, partitions, progress))
    context = get_context("spawn")
    queue: Queue[int] = context.Queue()
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_start_process, initargs=(queue,)) as pool:
        futures = [pool.submit(_run_work, work, tp) for tp in partitions]
        try:
            _follow(futures, queue, progress)
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


async def _run_in_turn(work: Work[T], partitions: Sequence[TopicPartition], progress: Progress) -> list[T]:
    return [await work(tp, progress) for tp in partitions]


def _follow(futures: "list[Future[T]]", queue: "Queue[int]", progress: Progress) -> None:
    """Report progress until all have ended, or one has failed."""
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=POLL_S)
        for future in done:
            future.result()
        try:
            while True:
                progress(queue.get_nowait())
        except Empty:
            continue


def _start_process(queue: "Queue[int]") -> None:
    global _progress_queue
    _progress_queue = queue
    quiet_logs()
    collect_less()


def _run_work(work: Work[T], tp: TopicPartition) -> T:
    counted = 0

    def report_count(count: int) -> None:
        nonlocal counted
        counted += count
        if counted >= REPORT_RECORDS:
            _progress_queue.put(counted)
            counted = 0

    async def run() -> T:
        return await work(tp, report_count)

    result = asyncio.run(run())
    _progress_queue.put(counted)
    return result
