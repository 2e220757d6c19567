"""The broker that `up` works with: started and watched, or there already; whether it answers, and has the same log."""

import asyncio
import time

from aiokafka.errors import KafkaError

from handrail.broker import EmbeddedBroker
from handrail.broker.embedded import PortTaken
from handrail.kafka.log_id import log_id
from handrail.schemas.errors import ConfigError, EngineError

WATCH_EVERY_S = 2.0
ANSWER_S_MAX = 5.0


class OwnBroker(EmbeddedBroker):
    """The embedded broker, watched."""

    @property
    def ended(self) -> bool:
        """Whether the process has ended though nobody stopped it."""
        return self._process is not None and self._process.poll() is not None


def start_broker(port: int | None) -> OwnBroker:
    """The embedded broker, ready. Raises ConfigError that says what to do where the port is taken."""
    try:
        return OwnBroker(port).start()
    except PortTaken:
        address = f"127.0.0.1:{port}"
        raise ConfigError(
            f"handrail up: {address}: the port is taken: a Kafka broker there is used with --bootstrap {address}; "
            "else give the embedded one another port with --embedded --bootstrap 127.0.0.1:PORT"
        ) from None


class BrokerWatch:
    """Asks the broker for its log now and then, in the background. `cluster` is the id of the last answer."""

    def __init__(self, bootstrap: str, cluster: str, away_s: float) -> None:
        self.cluster = cluster
        self._bootstrap, self._away_s = bootstrap, away_s
        self._answered_s = self._asked_s = time.monotonic()
        self._asking: asyncio.Task[str] | None = None

    def look(self) -> None:
        """Take the last answer, and ask again. Raises EngineError where the broker has not answered for too long."""
        now_s = time.monotonic()
        if self._asking is not None and self._asking.done():
            if self._asking.exception() is None:
                self.cluster, self._answered_s = self._asking.result(), now_s
            self._asking = None
        if now_s - self._answered_s > self._away_s:
            raise EngineError(
                f"handrail up: broker {self._bootstrap}: has not answered for {self._away_s:g} s, given up: "
                "start it, or mend the address; then start `handrail up` again"
            )
        if self._asking is None and now_s - self._asked_s >= WATCH_EVERY_S:
            self._asked_s = now_s
            self._asking = asyncio.create_task(self._ask(), name="reach")

    def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self) -> str:
        """Raises KafkaError, OSError."""
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                return (await log_id(self._bootstrap, ())).cluster
        except (KafkaError, OSError):
            raise
        except Exception as error:  # the other side does not speak Kafka
            raise OSError(f"{type(error).__name__}: {error}") from error
