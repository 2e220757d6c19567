"""One hook from the log to its endpoint: read as a consumer group, deliver, commit what is settled."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import OffsetAndMetadata

from handrail.hooks.config import Hook
from handrail.hooks.counters import Counters
from handrail.hooks.endpoint import Endpoint, HttpResponse
from handrail.hooks.lanes import Delivery, Lanes
from handrail.hooks.message import TOPICS, Message, event_of, is_wanted, message_of
from handrail.hooks.positions import SPAN_MAX, Window, starting
from handrail.kafka import aiokafka_patches
from handrail.schemas.errors import EngineError
from handrail.streams.engine.fetch import record_of
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.engine.reading import stop
from handrail.streams.governor import deadletters

AGAIN_S = 1.0
REASON = "webhook "
"""How the reason of such a letter begins: its record was not refused, it only was not delivered."""


UNSETTLED_MAX = 500  # records of one partition that are read and not settled
UNSETTLED_BYTES_MAX = 16_000_000  # of them
FETCH_BYTES = 2_000_000
FETCH_WAIT_MS = 50  # the embedded broker answers only when it is over
POLL_MS = 100
RECORDS_MAX = 200  # of one turn
COMMIT_S = 0.5
COMMIT_S_MAX = 5.0  # then it goes on without a commit: what was settled is sent again after a crash
CLOSE_S = 2.0  # beside an attempt's own time, for what is under way when partitions change hands
REPEAT_LINE_S = 60.0  # between two lines that say that a hook fails

Tell = Callable[[str], None]


class Courier(ConsumerRebalanceListener):  # type: ignore[misc]
    """Delivers until `run` is cancelled or asked to stop; `gone_why` says why the endpoint is gone."""

    def __init__(
        self, bootstrap: str, group: str, session_s: float, hook: Hook, endpoint: Endpoint, letters: "DeadLetters",
        counters: Counters, notice: Tell,
    ) -> None:  # fmt: skip
        self._bootstrap, self.hook, self._endpoint, self._letters = bootstrap, hook, endpoint, letters
        self.group, self._session_s = f"{group}.{hook.name}", session_s
        self._counters, self._notice = counters, notice
        self._windows: dict[TopicPartition, Window] = {}
        self._sizes: dict[TopicPartition, dict[int, int]] = {}
        self._committed: dict[TopicPartition, OffsetAndMetadata] = {}
        self._lanes: Lanes | None = None
        self._broken: BaseException | None = None
        self._commit_s = self._line_s = 0.0
        self.ready = asyncio.Event()
        self.gone_why = ""

    @property
    def partitions(self) -> int:
        """How many are assigned here."""
        return len(self._windows)

    def unsettled(self) -> int:
        """Records that are read and wait for their delivery."""
        return sum(len(sizes) for sizes in self._sizes.values())

    async def run(self, stopping: asyncio.Event) -> None:
        """Delivers until `stopping` is set or the endpoint is gone. Raises what broken code raises."""
        aiokafka_patches.install()
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=self.group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",  # where what a position names has been deleted
            partition_assignment_strategy=[RangePartitionAssignor],  # partition 2 of each topic to the same process
            session_timeout_ms=int(self._session_s * 1000),
            heartbeat_interval_ms=int(self._session_s * 300),
            rebalance_timeout_ms=int((self.hook.timeout_s + self._session_s) * 1000),
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        self._consumer.subscribe(TOPICS, listener=self)
        try:
            await self._consumer.start()
            while not stopping.is_set() and not self.gone_why:
                await self._turn()
        finally:
            await self._release()
            await stop(self._consumer)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Attempts that are under way end, and what is settled is committed, before others get the partitions."""
        await self._release()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Each partition goes on from the position of its group."""
        try:
            places = await starting(self._bootstrap, self.group, list(assigned), self.hook.since)
        except Exception as error:  # aiokafka would log it and go on without positions
            self._broken = error
            return
        for tp, (position, metadata) in places.items():
            self._windows[tp], self._sizes[tp] = Window(position, metadata), {}
            self._consumer.seek(tp, position)
        self._lanes = Lanes(self, self.hook.retry, self.hook.at_once)

    async def send(self, message: Message) -> HttpResponse:
        """One attempt."""
        started_s = time.monotonic()
        response = await self._endpoint.send(message)
        self._counters.attempted(self.hook.name, not response.why, time.monotonic() - started_s)
        return response

    def delivered(self, delivery: Delivery) -> None:
        """The delivery is settled."""
        self._counters.delivered(self.hook.name)
        self._settle(delivery.record)

    def failed(self, delivery: Delivery, why: str) -> None:
        """Reports the failure, at most once in REPEAT_LINE_S."""
        if time.monotonic() - self._line_s >= REPEAT_LINE_S:
            self._line_s = time.monotonic()
            self._notice(f"handrail hooks: {self.hook.name}: {why}: it is tried again ({self.unsettled()} wait)")

    async def give_up(self, delivery: Delivery, why: str) -> None:
        """Writes the record to the dead letters, then settles it."""
        await self._letters.write(delivery.record, self.hook.name, why)
        self._counters.given_up(self.hook.name)
        self._notice(f"handrail hooks: {self.hook.name}: given up, now a dead letter: {why}")
        self._settle(delivery.record)

    def stop_delivery(self, why: str) -> None:
        """Sends nothing more in this process; what was not delivered stays unsettled."""
        self.gone_why = why
        self._notice(f"handrail hooks: {self.hook.name}: stopped: {why}: mend or remove it, then start again")

    def broke(self, error: BaseException) -> None:
        """The error ends `run`."""
        self._broken = error

    async def _turn(self) -> None:
        if self._broken is not None:
            raise self._broken
        self._limit_fetching()
        for tp, records in (await self._fetched()).items():
            for record in records:
                await self._take(tp, record)
        if time.monotonic() - self._commit_s >= COMMIT_S:
            await self._commit()
            if self._windows and set(self._windows) <= set(self._committed):
                self.ready.set()

    async def _fetched(self) -> Mapping[TopicPartition, list[ConsumerRecord]]:
        try:
            records: Mapping[TopicPartition, list[ConsumerRecord]]
            records = await self._consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS_MAX)
        except KafkaError as error:
            self._notice(f"handrail hooks: {self.hook.name}: {self._bootstrap}: {error}")
            await asyncio.sleep(COMMIT_S)
            return {}
        return records

    def _limit_fetching(self) -> None:
        """Pauses a partition with too much unsettled until something of it is settled."""
        for tp, window in self._windows.items():
            sizes = self._sizes[tp]
            full = len(sizes) >= UNSETTLED_MAX or sum(sizes.values()) >= UNSETTLED_BYTES_MAX or window.span >= SPAN_MAX
            if full != (tp in self._consumer.paused()):
                (self._consumer.pause if full else self._consumer.resume)(tp)

    async def _take(self, tp: TopicPartition, record: ConsumerRecord) -> None:
        window = self._windows.get(tp)
        if window is None or self._lanes is None or not window.see(record.offset):
            return
        event = event_of(record.topic, record.key, record.value)
        if event is None or not is_wanted(self.hook, event):
            window.settle(record.offset)
            return
        self._sizes[tp][record.offset] = len(record.value)
        try:
            message = message_of(self.hook, self._endpoint.fixed, event, record.value)
        except ValueError as error:
            await self.give_up(Delivery(record, Message("", "", b"", {})), str(error))
            return
        self._lanes.add(Delivery(record, message))

    def _settle(self, record: Any) -> None:
        tp = TopicPartition(record.topic, record.partition)
        self._sizes.get(tp, {}).pop(record.offset, None)
        if (window := self._windows.get(tp)) is not None:
            window.settle(record.offset)

    async def _commit(self) -> None:
        """Commits what is settled; where the broker does not take it now, the next commit has it."""
        self._commit_s = time.monotonic()
        offsets = {tp: OffsetAndMetadata(window.position, window.metadata()) for tp, window in self._windows.items()}
        changed = {tp: offset for tp, offset in offsets.items() if self._committed.get(tp) != offset}
        if not changed:
            return
        try:
            async with asyncio.timeout(COMMIT_S_MAX):
                await self._consumer.commit(changed)
        except (CommitFailedError, IllegalStateError):
            return  # the partitions are somebody else's by now, who reads from the last commit
        except (KafkaError, TimeoutError) as error:
            why = str(error) or f"no answer within {COMMIT_S_MAX:g} s"
            self._notice(f"handrail hooks: {self.hook.name}: positions are not committed: {why}")
            return
        self._committed |= changed

    async def _release(self) -> None:
        lanes, self._lanes = self._lanes, None
        if lanes is not None:
            await lanes.close(self.hook.timeout_s + CLOSE_S)
            await self._commit()
        self._windows, self._sizes, self._committed = {}, {}, {}


class DeadLetters:
    """Writes until Kafka has it: a delivery that is given up is settled by nothing less."""

    def __init__(self, producer: Producer, notice: Callable[[str], None]) -> None:
        self._producer, self._notice = producer, notice

    async def write(self, record: Any, hook: str, why: str) -> None:
        """The letter is acknowledged."""
        letter = deadletters.letter(record_of(record), f"{REASON}{hook}: {why}", int(time.time() * 1000))
        row = Row(letter.key, letter.value, letter.headers)
        while True:
            try:
                await self._producer.write(letter.topic, record.partition, [row])
            except (KafkaError, EngineError) as error:
                self._notice(f"handrail hooks: {hook}: {letter.topic}: {error}: tried again")
                await asyncio.sleep(AGAIN_S)
            else:
                return
