"""A consumer that is stopped never cancels whoever stops it."""

import asyncio
from typing import Any

import pytest

from handrail.streams.engine.reading import stop


class Client:
    closed = False

    async def close(self) -> None:
        self.closed = True


class Consumer:
    """Its `stop` ends as aiokafka's does where a fetch is under way to a broker that is gone."""

    def __init__(self, error: BaseException | None) -> None:
        self._client, self._error = Client(), error

    async def stop(self) -> None:
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error


async def test_what_is_cancelled_in_there_stays_in_there() -> None:
    consumer: Any = Consumer(asyncio.CancelledError())
    await stop(consumer)
    assert consumer._client.closed


async def test_other_errors_are_told() -> None:
    broken: Any = Consumer(OSError("gone"))
    with pytest.raises(OSError, match="gone"):
        await stop(broken)
    fine: Any = Consumer(None)
    await stop(fine)
    assert not fine._client.closed
