"""Partitions verified side by side, each in a process of its own: they share nothing, and the fold takes time."""

import asyncio
import os
from concurrent.futures import Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from multiprocessing.queues import Queue
from queue import Empty

from aiokafka import TopicPartition

from handrail.audit.compare import Tell
from handrail.audit.comparison import Comparison
from handrail.audit.live import Span, verify
from handrail.streams.process import collect_less, quiet_logs

WORTH_IT = 20_000  # records; with fewer, starting processes takes longer than they save
TELL_S = 0.2
TOLD = 2_000  # records between two messages about progress

_told: "Queue[int]"


def verify_all(bootstrap: str, found: Span, tell: Tell, wait_s: float) -> list[Comparison]:
    """The comparison of each partition, in their order; `wait_s` as `live.verify`. Raises what that raises."""
    processes = min(len(found.events), os.cpu_count() or 1)
    if processes < 2 or found.records < WORTH_IT:
        return asyncio.run(verify(bootstrap, found, tell, wait_s))
    context = get_context("spawn")
    told: Queue[int] = context.Queue()
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_begin, initargs=(told,)) as pool:
        asked = [pool.submit(_one, bootstrap, found, tp, wait_s) for tp in sorted(found.events)]
        try:
            _follow(asked, told, tell)
            return [one for each in asked for one in each.result()]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _follow(asked: "list[Future[list[Comparison]]]", told: "Queue[int]", tell: Tell) -> None:
    """Pass on how far they are until all have ended, or one has failed."""
    left: set[Future[list[Comparison]]] = set(asked)
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


def _one(bootstrap: str, found: Span, tp: TopicPartition, wait_s: float) -> list[Comparison]:
    counted = 0

    def tell(count: int) -> None:
        nonlocal counted
        counted += count
        if counted >= TOLD:
            _told.put(counted)
            counted = 0

    one = asyncio.run(verify(bootstrap, found, tell, wait_s, only=tp.partition))
    _told.put(counted)
    return one
