"""One log for each process: every connection is asked for its log before it is used.

A fresh cluster may come up at the address of one that is gone. aiokafka connects again and goes on: it sends what it
had begun, and asks with offsets and generations of the log before. Nothing of one log may reach another.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from typing import Any, NoReturn

from aiokafka import client
from aiokafka.admin import client as admin
from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.consumer import consumer
from aiokafka.errors import KafkaError
from aiokafka.producer import producer

from handrail.kafka.log_id import LogId, ask_log_id, log_id
from handrail.kafka.reachable import reachable
from handrail.schemas.errors import EngineError

KNOWN_S_MAX = 5.0  # until a broker returns the ids of all topics; one before Kafka 3.1 never does
AGAIN_S = 0.05
LOOK_S = 1.0  # between two looks at topics that may have been made again, on a cluster that stayed

Notice = Callable[[str], None]


class AnotherLog(KafkaError):  # type: ignore[misc]
    """Another log is at the address than the one that this client has read."""


class OneLog:
    """The log that some clients, or all of a process, belong to. `lost` is the line that says why it is gone."""

    def __init__(
        self, bootstrap: str, topics: Iterable[str], who: str, on_lost: Notice = lambda _: None, **options: Any
    ) -> None:
        """`who` has to be started again then. `on_lost` gets the line, once, from the thread that noticed.

        `options`: as aiokafka's connections take them.
        """
        self.bootstrap, self.lost = bootstrap, ""
        self._topics, self._who, self._on_lost, self._options = tuple(topics), who, on_lost, options
        self._id: LogId | None = None
        self.watching: asyncio.Task[NoReturn] | None = None  # of `process_of`: it ends when the log is gone

    @property
    def id(self) -> LogId:
        """The ids of the log. Only after `meet`."""
        assert self._id is not None
        return self._id

    async def meet(self, wait_s: float = 0.0) -> LogId:
        """Takes the log that is at the address now as the one; waits up to `wait_s` for all topics.

        Raises KafkaError or OSError.
        """
        until_s = time.monotonic() + wait_s
        while True:
            current = await log_id(self.bootstrap, self._topics, **self._options)
            if current.topics.keys() >= set(self._topics) or time.monotonic() >= until_s:
                break
            await asyncio.sleep(AGAIN_S)  # a broker learns of a topic a little later than the broker that created it
        self._id = current
        return current

    async def check(self, connection: AIOKafkaConnection) -> None:
        """Raises AnotherLog where the broker at the other end serves another log."""
        if self._id is not None:
            self.compare(await ask_log_id(connection, self._topics))

    def compare(self, current: LogId) -> None:
        """Raises AnotherLog where `current` is another log."""
        if not self.lost and self._id is not None and (why := self._id.changed(current)):
            todo = (
                f"what the {self._who} knew of the one before is dropped, and not written to this one: start it again"
            )
            self.lost = f"broker {self.bootstrap}: another log is there: {why}: {todo}"
            self._on_lost(self.lost)
        if self.lost:
            raise AnotherLog(self.lost)
        if self._id is not None:
            self._id = self._id.with_topics(current)

    async def watch(self) -> NoReturn:
        """Asks every LOOK_S seconds. Raises EngineError when the log is gone."""
        while not self.lost:
            with suppress(KafkaError, OSError, TimeoutError):  # a broker that is away may come back with the same log
                self.compare(await log_id(self.bootstrap, self._topics, **self._options))
            await asyncio.sleep(LOOK_S)
        raise EngineError(self.lost)


_of_process: OneLog | None = None
_current: ContextVar[OneLog | None] = ContextVar("one_log", default=None)


class Client(client.AIOKafkaClient):  # type: ignore[misc]
    """aiokafka's, whose connections are of one log: the one that was current when it was made."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._log = _current.get() or _of_process

    async def bootstrap(self) -> None:
        with clients_of(self._log):
            await super().bootstrap()

    async def _get_conn(self, *arguments: Any, **options: Any) -> Any:
        with clients_of(self._log):
            return await super()._get_conn(*arguments, **options)

    async def _metadata_update(self, *arguments: Any) -> bool:
        """Checks the log first: aiokafka asks for metadata when a topic or leader is lost, before it sends again."""
        if self._log is not None:
            if (connection := self._idle()) is not None:
                with suppress(KafkaError, TimeoutError, OSError):
                    await self._log.check(connection)
            if self._log.lost:
                return False
        updated: bool = await super()._metadata_update(*arguments)
        return updated

    def _idle(self) -> AIOKafkaConnection | None:
        """A connection that answers soon: not the group coordinator's, where requests queue while a group is joined."""
        groups = client.ConnectionGroup
        conns = self._conns.items()
        return next((conn for (_, group), conn in conns if group == groups.DEFAULT and conn.connected()), None)


async def _connected(*arguments: Any, **options: Any) -> AIOKafkaConnection:
    """A connection whose broker was asked for its log, where that matters. Raises AnotherLog."""
    connection = await create_conn(*arguments, **options)
    if (log := _current.get()) is not None:
        try:
            await log.check(connection)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def clients_of(log: OneLog | None) -> Iterator[None]:
    """Clients that are made within the block belong to this log."""
    before = _current.set(log)
    try:
        yield
    finally:
        _current.reset(before)


@asynccontextmanager
async def process_of(
    bootstrap: str, topics: Iterable[str], who: str, on_lost: Notice = lambda _: None
) -> AsyncIterator[OneLog]:
    """All clients that this process makes within the block belong to the log that is there now. Raises ConfigError."""
    global _of_process
    install()
    log = OneLog(bootstrap, topics, who, on_lost)
    with reachable(bootstrap):
        await log.meet(KNOWN_S_MAX)
    _of_process = log
    log.watching = asyncio.create_task(log.watch(), name="log")
    try:
        yield log
    finally:
        _of_process = None
        log.watching.cancel()
        await asyncio.gather(log.watching, return_exceptions=True)


def install() -> None:
    """Every client of this process checks its log from now on."""
    client.create_conn = _connected
    for module in (admin, consumer, producer):
        module.AIOKafkaClient = Client
