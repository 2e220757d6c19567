"""The connection that all agents of a process share, as a user holds it."""

import asyncio
import os
from collections.abc import Mapping
from typing import Any, Self
from weakref import WeakKeyDictionary

from handrail.client.connection import Connection, resolve_bootstrap
from handrail.client.pending_decisions import WAITING_MAX
from handrail.schemas.errors import ConfigError

TIMEOUT_S = 10.0
SECURITY = (
    "security_protocol",
    "ssl_context",
    "sasl_mechanism",
    "sasl_plain_username",
    "sasl_plain_password",
    "sasl_oauth_token_provider",
)
Key = tuple[Any, ...]


class _Shared:
    """One connection, and how many use it."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.users, self.lock = connection, 0, asyncio.Lock()


async def _release(shared: _Shared) -> None:
    """One user less; the last one closes the connection."""
    async with shared.lock:
        shared.users -= 1
        if not shared.users:
            await shared.connection.stop()


_connections: "WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Key, _Shared]]" = WeakKeyDictionary()


class Client:
    """A connection to Handrail, shared by all agents of the process that name the same Kafka.

    Agents open it by themselves, and the last one closes it. A service that handles one conversation after the other
    holds one for its lifetime: `async with Client():` around everything saves each agent the connecting.

    Parameters
    ----------
    bootstrap : str, optional
        Kafka's HOST:PORT, several with commas. Default: HANDRAIL_BOOTSTRAP of the environment, else 127.0.0.1:9092.
    timeout_s : float
        Seconds that connecting may take.
    waiting_max : int
        How many decisions may be waited for at a time; one more is answered NoDecision at once. The first client that
        connects sets it for all.
    security : mapping, optional
        How to log in, in aiokafka's words: `security_protocol`, `ssl_context`, `sasl_mechanism`,
        `sasl_plain_username`, `sasl_plain_password`, `sasl_oauth_token_provider`.

    Raises
    ------
    ConfigError
        The address or an option cannot be used.
    Unreachable
        On entry: Kafka did not answer in time, or it has no topics of Handrail.
    """

    def __init__(
        self,
        bootstrap: str | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        waiting_max: int = WAITING_MAX,
        security: Mapping[str, Any] | None = None,
    ) -> None:
        self.bootstrap, self.timeout_s = resolve_bootstrap(bootstrap), timeout_s
        self._waiting_max, self._security = waiting_max, dict(security or {})
        if unknown := sorted(self._security.keys() - set(SECURITY)):
            raise ConfigError(f"security: {', '.join(unknown)} is not known: use {', '.join(SECURITY)}")
        self._shared: _Shared | None = None
        self._renewing = asyncio.Lock()

    async def __aenter__(self) -> Self:
        if self._shared is not None:
            raise ConfigError("Client: it is entered already: make one for each `async with`")
        connections = _connections.setdefault(asyncio.get_running_loop(), {})
        new = _Shared(Connection(self.bootstrap, self._waiting_max, self._security))
        shared = connections.setdefault(self.key, new)
        if shared.connection.lost:  # to a log that is gone; its own users keep it
            shared = connections[self.key] = new
        async with shared.lock:
            if not shared.users:
                await shared.connection.start(self.timeout_s)
            shared.users += 1
        self._shared = shared
        return self

    async def __aexit__(self, *_: object) -> None:
        shared, self._shared = self._shared, None
        assert shared is not None
        await _release(shared)

    async def renew(self) -> None:
        """Connect to the new log where another one came up at the address. Raises Unreachable."""
        async with self._renewing:
            if not self.connection.lost:
                return
            before, self._shared = self._shared, None
            try:
                await self.__aenter__()
            except BaseException:
                self._shared = before
                raise
            assert before is not None
            await _release(before)

    def twin(self) -> "Client":
        """Another client of the same connection."""
        return Client(self.bootstrap, timeout_s=self.timeout_s, waiting_max=self._waiting_max, security=self._security)

    @property
    def key(self) -> Key:
        """Clients of one event loop with the same key share a connection."""
        return (os.getpid(), self.bootstrap, *sorted(self._security.items()))

    @property
    def connection(self) -> Connection:
        """The open connection. Raises ConfigError before the client is entered."""
        if self._shared is None:
            raise ConfigError("Client: not connected: use it in `async with Client(...) as client:`")
        return self._shared.connection
