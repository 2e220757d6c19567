"""Whether the broker answers, who it is, and how fast."""

import socket
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from handrail.doctor.line import Line, ok, warn, wrong
from handrail.doctor.place import Place

ASKS = 5
SLOW_MS = 100
REQUEST_MS_MAX = 5000
EMBEDDED = "embedded-"


@dataclass(frozen=True, slots=True)
class Broker:
    """A cluster that answers."""

    admin: AIOKafkaAdminClient
    cluster_id: str
    brokers: int

    @property
    def embedded(self) -> bool:
        """Whether it is the one that `up` and `demo` start."""
        return self.cluster_id.startswith(EMBEDDED)


def resolve(place: Place) -> list[Line]:
    """A line for each address whose name is not known; none where all are."""
    lines = []
    for address in place.bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.getaddrinfo(host.strip("[]"), int(port))
        except (OSError, ValueError) as error:
            lines.append(wrong("broker", f"{address.strip()}: {error}", "give --bootstrap HOST:PORT of a Kafka broker"))
    return lines


class Visit:
    """A connection for the length of a block. `found`: who answered, once `look` has asked."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.found: Broker | None = None

    async def __aenter__(self) -> Self:
        self._admin = AIOKafkaAdminClient(bootstrap_servers=self._place.bootstrap, request_timeout_ms=REQUEST_MS_MAX)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._admin.close()

    async def look(self) -> list[Line]:
        """Who answers, and how fast."""
        try:
            await self._admin.start()
        except (KafkaError, OSError) as error:
            return [_unreachable(self._place.bootstrap, error)]
        took_ms, described = await _asked(self._admin)
        self.found = Broker(self._admin, str(described["cluster_id"] or ""), len(described["brokers"]))
        return [_line(self._place.bootstrap, self.found, took_ms)]


async def _asked(admin: AIOKafkaAdminClient) -> tuple[float, dict[str, Any]]:
    """Milliseconds of a request, the best of some, which is the network's and not chance; and the answer."""
    took_ms = []
    for _ in range(ASKS):
        started = time.perf_counter()
        described: dict[str, Any] = await admin.describe_cluster()
        took_ms.append((time.perf_counter() - started) * 1000)
    return min(took_ms), described


def _line(bootstrap: str, found: Broker, took_ms: float) -> Line:
    count = f"{found.brokers} broker{'s' if found.brokers > 1 else ''}"
    told = f"{bootstrap}: cluster {found.cluster_id or 'without an id'}, {count}, a request takes {took_ms:.1f} ms"
    if not found.cluster_id:
        return wrong("broker", told, "the sink needs a cluster id to know its offsets again")
    if took_ms > SLOW_MS:
        return warn("broker", told, "every decision waits for some requests: run workers nearer to the brokers")
    note = "in memory: its log is gone when it ends; --bootstrap for a Kafka that keeps it" if found.embedded else ""
    return ok("broker", told, note)


def _unreachable(bootstrap: str, error: Exception) -> Line:
    said = " ".join(str(error).split()) or type(error).__name__
    mend = "start one with `handrail up`, or give its address with --bootstrap HOST:PORT"
    return wrong("broker", f"{bootstrap}: nothing answers: {said}", mend)
