"""Deliveries of one hook: in order within a conversation, conversations side by side.

A conversation whose delivery fails waits for it; the others go on. What a partition may hold is bounded by the courier
(courier.py), so the lanes are bounded too.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from handrail.hooks.config import Retry
from handrail.hooks.endpoint import HttpResponse
from handrail.hooks.message import Message


@dataclass(frozen=True, slots=True)
class Delivery:
    """A webhook, and the record that it is of."""

    record: Any  # aiokafka's ConsumerRecord
    message: Message


class Outlet(Protocol):
    """What becomes of deliveries."""

    async def send(self, message: Message) -> HttpResponse:
        """One attempt."""

    def delivered(self, delivery: Delivery) -> None:
        """It was taken."""

    def failed(self, delivery: Delivery, why: str) -> None:
        """An attempt failed; it is tried again, or given up next."""

    async def give_up(self, delivery: Delivery, why: str) -> None:
        """It never was; kept elsewhere when this returns."""

    def stop_delivery(self, why: str) -> None:
        """Nothing must be sent to this hook any more."""

    def broke(self, error: BaseException) -> None:
        """The code failed."""


class Lanes:
    """One generation of a hook's partitions: closed when these change hands."""

    def __init__(self, outlet: Outlet, retry: Retry, at_once: int) -> None:
        self._outlet, self._retry = outlet, retry
        self._turns = asyncio.Semaphore(at_once)
        self._lanes: dict[bytes | None, deque[Delivery]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._not_before_s = 0.0

    def add(self, delivery: Delivery) -> None:
        """It follows what its conversation has waiting."""
        key = delivery.record.key
        if (lane := self._lanes.get(key)) is not None:
            lane.append(delivery)
            return
        self._lanes[key] = deque([delivery])
        task = asyncio.create_task(self._run(key), name="webhooks of a conversation")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def close(self, wait_s: float) -> None:
        """No attempt is under way any more, and none begins; what has not ended by itself is cut off."""
        self._closing.set()
        if not self._tasks:
            return
        _, left = await asyncio.wait(self._tasks, timeout=wait_s)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._outlet.broke(error)

    async def _run(self, key: bytes | None) -> None:
        lane = self._lanes[key]
        while lane and await self._settled(lane[0]):
            lane.popleft()
        if not lane:
            del self._lanes[key]

    async def _settled(self, delivery: Delivery) -> bool:
        """Delivered or given up; False where the lanes close before."""
        first_s: float | None = None
        attempt = 0
        while (response := await self._attempt(delivery)) is not None:
            now_s = time.monotonic()
            first_s = now_s if first_s is None else first_s
            if not response.why:
                self._outlet.delivered(delivery)
                return True
            if response.gone:
                self._closing.set()
                self._outlet.stop_delivery(response.why)
                return False
            attempt += 1
            self._outlet.failed(delivery, response.why)
            wait_s = max(backoff(self._retry, attempt), response.wait_s)
            if now_s + wait_s - first_s > self._retry.give_up_s:
                return await self._given_up(delivery, attempt, now_s - first_s, response.why)
            if await self._closes_within(wait_s):
                return False
        return False

    async def _attempt(self, delivery: Delivery) -> HttpResponse | None:
        """None where the lanes close before it begins."""
        async with self._turns:
            while (wait_s := self._not_before_s - time.monotonic()) > 0:
                if await self._closes_within(wait_s):
                    return None
            if self._closing.is_set():
                return None
            response = await self._outlet.send(delivery.message)
        if response.wait_s:
            self._not_before_s = max(self._not_before_s, time.monotonic() + response.wait_s)
        return response

    async def _given_up(self, delivery: Delivery, attempts: int, after_s: float, why: str) -> bool:
        times = "once" if attempts == 1 else f"{attempts} times in {after_s:.0f} s"
        await self._outlet.give_up(delivery, f"tried {times}: {why}")
        return True

    async def _closes_within(self, wait_s: float) -> bool:
        try:
            async with asyncio.timeout(wait_s):
                return await self._closing.wait()
        except TimeoutError:
            return False


def backoff(retry: Retry, attempt: int, chance: Callable[[], float] = random.random) -> float:
    """Seconds to wait after the attempt of this number (the first is 1): twice as long each time, half by chance."""
    full_s = min(retry.longest_s, retry.first_s * 2.0 ** min(attempt - 1, 40))
    return full_s * (0.5 + 0.5 * chance())
