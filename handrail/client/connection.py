"""One connection to Kafka: a producer for events, a consumer for decisions."""

import asyncio
import os
import time
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from handrail.client.decision_consumer import DecisionConsumer
from handrail.client.errors import NoDecision, Unreachable
from handrail.client.event import Event
from handrail.client.handback import Handback
from handrail.client.handback_consumer import HandbackConsumer
from handrail.client.pending_decisions import DecisionInbox, PendingDecisions
from handrail.kafka.one_log import AnotherLog, OneLog, clients_of, install
from handrail.schemas.envelope import CLOUDEVENT
from handrail.schemas.errors import ConfigError
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS

BOOTSTRAP_VARIABLE = "HANDRAIL_BOOTSTRAP"
BOOTSTRAP_DEFAULT = "127.0.0.1:9092"
REQUEST_BYTES_MAX = 1_100_000  # an event may have 1 MB
RETRY_S = 0.1
LOOK_S = 2.0  # while decisions are waited for
TOPICS_READ = (AGENT_EVENTS, DECISIONS, HANDOFFS, RESOLUTIONS)


def resolve_bootstrap(given: str | None) -> str:
    """The address as given, else HANDRAIL_BOOTSTRAP of the environment, else 127.0.0.1:9092. Raises ConfigError."""
    bootstrap = given or os.environ.get(BOOTSTRAP_VARIABLE) or BOOTSTRAP_DEFAULT
    for address in bootstrap.split(","):
        parse_endpoint(address)
    return bootstrap


def parse_endpoint(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`. Raises ConfigError."""
    host, _, port = address.strip().rpartition(":")
    if not host or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ConfigError(
            f"bootstrap or {BOOTSTRAP_VARIABLE}: must be HOST:PORT, several with commas, got {address.strip()!r}"
        )
    return host.strip("[]"), int(port)


class Connection:
    """It belongs to the process and the event loop it was started in, and refuses to be used elsewhere."""

    def __init__(self, bootstrap: str, waiting_max: int, security: Mapping[str, Any]) -> None:
        self.bootstrap, self._security = bootstrap, security
        self._pending = PendingDecisions(waiting_max)
        self._partitions = 0
        self._log = self._new_log()

    @property
    def lost(self) -> str:
        """Why it is of no use any more: another log is at the address. Empty while the log is the same."""
        return self._log.lost

    async def start(self, timeout_s: float) -> None:
        """Connected, and the topics are there. Raises Unreachable when that takes longer than `timeout_s`."""
        self._pid, self._loop = os.getpid(), asyncio.get_running_loop()
        install()
        self._log = self._new_log()
        self._watching: asyncio.Task[None] | None = None
        self._handbacks = HandbackConsumer(self.bootstrap, self._security, self._log)
        try:
            with clients_of(self._log):
                self._decisions = DecisionConsumer(self.bootstrap, self._pending, self._security)
                self._producer = self._new_producer(timeout_s)
        except ValueError as error:
            raise ConfigError(f"security: {error}") from None
        self._why = "nothing listens there"
        try:
            async with asyncio.timeout(timeout_s):
                await self._wait_for_endpoint()
                await self._producer.start()
                await self._decisions.start()
                self._partitions = await self._count_partitions()
                await self._log.meet()
        except (TimeoutError, KafkaError, OSError, ConfigError) as error:
            await self._stop_all()
            if isinstance(error, ConfigError):
                raise
            why = self._why if isinstance(error, TimeoutError) else str(error)
            raise Unreachable(
                f"Kafka at {self.bootstrap}: {why} (tried for {timeout_s:g} s): "
                "start it with `handrail up`, or set HANDRAIL_BOOTSTRAP"
            ) from None
        except BaseException:
            await self._stop_all()
            raise
        self._decisions.assign(self._partitions)
        self._watching = asyncio.create_task(self._watch(), name="handrail log")

    async def stop(self) -> None:
        """What was sent is acknowledged or given up; nothing is read any more."""
        self.check_process()
        await self._stop_all()

    async def join(self, conversation_id: str, timeout_s: float) -> int:
        """Receive decisions on this conversation from now on; returns the partition, to `leave` it afterwards.

        Raises TimeoutError or KafkaError.
        """
        self._check()
        partition = partition_of(conversation_id.encode(), self._partitions)
        async with asyncio.timeout(timeout_s):
            await self._decisions.join(partition)
        return partition

    def leave(self, partition: int) -> None:
        """The reverse of `join`."""
        if not self.lost:  # nothing is read there any more
            self._decisions.leave(partition)

    def expect(self, event: Event) -> AbstractContextManager[DecisionInbox]:
        """Collect the decisions on this event, from before it is sent.

        Raises NoDecision where too many are waited for, or another log is there by now.
        """
        if self.lost:
            raise NoDecision(self.lost)
        return self._pending.expect(event.source, event.id, event.conversation_id)

    async def handback(
        self, conversation_id: str, handoffs: Collection[str], since_ms: int, until_s: float
    ) -> Handback | None:
        """The first of these handoffs that a person is done with; None at `until_s` (seconds of `time.monotonic`).

        `since_ms` is the log's time of the first of them. Raises KafkaError.
        """
        self._check()
        partition = (partition_of(conversation_id.encode(), self._partitions), self._partitions)
        return await self._handbacks.handback(conversation_id, handoffs, partition, since_ms, until_s)

    async def publish(self, event: Event, until_s: float) -> None:
        """Send the event; all replicas in sync have acknowledged it when this returns.

        Kafka may store it twice; its identity makes that harmless. Raises TimeoutError at `until_s` (seconds of
        `time.monotonic`), or KafkaError.
        """
        self._check()
        async with asyncio.timeout(max(0.0, until_s - time.monotonic())):
            key = event.conversation_id.encode()
            await self._producer.send_and_wait(AGENT_EVENTS, event.value, key=key, headers=list(CLOUDEVENT))

    def _check(self) -> None:
        """Raises as `check_process`, and AnotherLog where another log is there by now."""
        self.check_process()
        if self.lost:
            raise AnotherLog(self.lost)

    async def _watch(self) -> None:
        """Look for another log: topics may be made anew on a cluster that stays, and consumers are not informed."""
        while not self.lost:
            await asyncio.sleep(LOOK_S)
            if len(self._pending):
                await self._decisions.refresh_metadata()

    def _new_log(self) -> OneLog:
        return OneLog(self.bootstrap, TOPICS_READ, "agent", self._log_replaced, **self._security)

    def _log_replaced(self, why: str) -> None:
        """Fail all waits: nothing can come any more."""
        self._pending.fail(why)
        self._handbacks.fail()

    def check_process(self) -> None:
        """Raises ConfigError in another process or event loop than the one that connected."""
        if self._pid != os.getpid():
            raise ConfigError("Agent: its connection was made before this process was forked: enter it after the fork")
        if self._loop is not asyncio.get_running_loop():
            raise ConfigError("Agent: its connection belongs to another event loop: enter one in each loop")

    def _new_producer(self, timeout_s: float) -> AIOKafkaProducer:
        """Not idempotent: the governor counts a repeat once, and one batch of a partition is in flight at a time."""
        return AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            acks="all",
            linger_ms=0,
            enable_idempotence=False,  # the embedded broker refuses it, and some ACLs do
            max_request_size=REQUEST_BYTES_MAX,
            request_timeout_ms=int(timeout_s * 1000),  # a proposal that was given up must not be asked later
            **self._security,
        )

    async def _wait_for_endpoint(self) -> None:
        """Wait until any of the addresses takes connections; aiokafka would log an error for each attempt."""
        while True:
            for host, port in map(parse_endpoint, self.bootstrap.split(",")):
                try:
                    _, writer = await asyncio.open_connection(host, port)
                except OSError:
                    continue
                writer.close()
                self._why = "it does not answer"
                return
            await asyncio.sleep(RETRY_S)

    async def _count_partitions(self) -> int:
        """The number of partitions, once the topics are there: a worker that is starting makes them."""
        while not await self._decisions.topics() >= {AGENT_EVENTS, DECISIONS}:
            self._why = f"no topics {AGENT_EVENTS} and {DECISIONS}"
            await asyncio.sleep(RETRY_S)
        events, decisions = [len(await self._producer.partitions_for(name)) for name in (AGENT_EVENTS, DECISIONS)]
        if events != decisions:
            raise ConfigError(
                f"Kafka at {self.bootstrap}: {AGENT_EVENTS} has {events} partitions, {DECISIONS} {decisions}: "
                "make them equal"
            )
        return events

    async def _stop_all(self) -> None:
        if self._watching is not None:
            self._watching.cancel()
        await self._handbacks.stop()
        await self._producer.stop()
        await self._decisions.stop()
