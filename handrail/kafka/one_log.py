"""What was learned from one log is sent to no other: every connection is asked whose it is before it is used.

At the address of a cluster that is gone a fresh one may come up. aiokafka connects again and goes on: it sends what it
had begun, and what it asks for are offsets and generations of the log before.
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

from handrail.kafka.log_id import LogId, log_id, told
from handrail.kafka.reachable import reachable
from handrail.schemas.errors import EngineError

KNOWN_S_MAX = 5.0  # until a broker tells the ids of all topics; one before Kafka 3.1 never does
AGAIN_S = 0.05
LOOK_S = 1.0  # between two looks at topics that may have been made again, on a cluster that stayed

Tell = Callable[[str], None]


class AnotherLog(KafkaError):  # type: ignore[misc]
    """Another log is at the address than the one that this client has read."""


class OneLog:
    """The log that some clients, or all of a process, belong to. `lost` is the line that says why it is gone."""

    def __init__(
        self, bootstrap: str, topics: Iterable[str], who: str, tell: Tell = lambda _: None, **options: Any
    ) -> None:
        """`who` has to be started again then. `tell` gets the line, once, from whatever thread has noticed.

        `options`: as aiokafka's connections take them.
        """
        self.bootstrap, self.lost = bootstrap, ""
        self._topics, self._who, self._tell, self._options = tuple(topics), who, tell, options
        self._id: LogId | None = None
        self.watching: asyncio.Task[NoReturn] | None = None  # of `process_of`: it ends when the log is gone

    @property
    def id(self) -> LogId:
        """What it is. Only after `meet`."""
        assert self._id is not None
        return self._id

    async def meet(self, wait_s: float = 0.0) -> LogId:
        """The log that is at the address now is the one; for `wait_s` all topics are waited for.

        Raises KafkaError or OSError.
        """
        until_s = time.monotonic() + wait_s
        while True:
            found = await log_id(self.bootstrap, self._topics, **self._options)
            if found.topics.keys() >= set(self._topics) or time.monotonic() >= until_s:
                break
            await asyncio.sleep(AGAIN_S)  # a broker learns of a topic a little later than the one that made it
        self._id = found
        return found

    async def check(self, connection: AIOKafkaConnection) -> None:
        """Raises AnotherLog where the broker at the other end serves another one."""
        if self._id is not None:
            self.compare(await told(connection, self._topics))

    def compare(self, found: LogId) -> None:
        """Raises AnotherLog where this is another one."""
        if not self.lost and self._id is not None and (why := self._id.changed(found)):
            todo = (
                f"what the {self._who} knew of the one before is dropped, and not written to this one: start it again"
            )
            self.lost = f"broker {self.bootstrap}: another log is there: {why}: {todo}"
            self._tell(self.lost)
        if self.lost:
            raise AnotherLog(self.lost)
        if self._id is not None:
            self._id = self._id.with_topics(found)

    async def watch(self) -> NoReturn:
        """Ask again and again. Raises EngineError when it is gone."""
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
        """What is sent by this goes to topics that were looked at: whoever hears of a lost one asks here."""
        if self._log is not None:
            if (connection := self._idle()) is not None:
                with suppress(KafkaError, TimeoutError, OSError):
                    await self._log.check(connection)
            if self._log.lost:
                return False
        updated: bool = await super()._metadata_update(*arguments)
        return updated

    def _idle(self) -> AIOKafkaConnection | None:
        """A connection that answers soon: where a group is joined, others wait behind that."""
        groups = client.ConnectionGroup
        found = (one for (_, group), one in self._conns.items() if group == groups.DEFAULT and one.connected())
        return next(found, None)


async def _connected(*arguments: Any, **options: Any) -> AIOKafkaConnection:
    """A connection that was asked whose it is, where that matters. Raises AnotherLog."""
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
    """What is made in here belongs to this log."""
    before = _current.set(log)
    try:
        yield
    finally:
        _current.reset(before)


@asynccontextmanager
async def process_of(
    bootstrap: str, topics: Iterable[str], who: str, tell: Tell = lambda _: None
) -> AsyncIterator[OneLog]:
    """All clients that this process makes in here belong to the log that is at the address now. Raises ConfigError."""
    global _of_process
    install()
    log = OneLog(bootstrap, topics, who, tell)
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
    """Every client of this process is one of these from now on."""
    client.create_conn = _connected
    for module in (admin, consumer, producer):
        module.AIOKafkaClient = Client
