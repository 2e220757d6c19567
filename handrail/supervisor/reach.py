"""Whether the broker is there, and still has the log that everything here knows."""

import asyncio
import time

from aiokafka.errors import KafkaError

from handrail.kafka.log_id import log_id
from handrail.schemas.errors import EngineError

LOOK_S = 2.0
ANSWER_S_MAX = 5.0


class Reach:
    """Asks now and then, beside all else. `cluster` is the one that answered last."""

    def __init__(self, bootstrap: str, cluster: str, away_s: float) -> None:
        self.cluster = cluster
        self._bootstrap, self._away_s = bootstrap, away_s
        self._answered_s = self._asked_s = time.monotonic()
        self._asking: asyncio.Task[str] | None = None

    def look(self) -> None:
        """Take what was answered, and ask again. Raises EngineError where nobody has answered for too long."""
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
        if self._asking is None and now_s - self._asked_s >= LOOK_S:
            self._asked_s = now_s
            self._asking = asyncio.create_task(self._ask(), name="reach")

    def close(self) -> None:
        """Nothing is asked any more."""
        if self._asking is not None:
            self._asking.cancel()

    async def _ask(self) -> str:
        """Raises KafkaError, OSError."""
        try:
            async with asyncio.timeout(ANSWER_S_MAX):
                return (await log_id(self._bootstrap, ())).cluster
        except (KafkaError, OSError):
            raise
        except Exception as error:  # what answers there speaks no Kafka
            raise OSError(f"{type(error).__name__}: {error}") from error
