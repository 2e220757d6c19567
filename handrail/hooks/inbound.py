"""POST /in/NAME: what ticket systems say of handoffs, onto the log.

A request is acknowledged when Kafka has it. One that comes again, because the answer got lost, becomes the same record
again, and counts once.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web
from aiokafka.errors import KafkaError

from handrail.hooks import config, mapping, signatures
from handrail.hooks.config import Source, Standard
from handrail.hooks.counters import Counters
from handrail.schemas.envelope import CLOUDEVENT
from handrail.schemas.errors import EngineError, SchemaError
from handrail.schemas.keys import SigningKey
from handrail.schemas.partitioner import partition_of
from handrail.schemas.signature import sign_record
from handrail.schemas.strict_json import loads
from handrail.schemas.topics import RESOLUTIONS
from handrail.streams.engine.producer import Producer, Row
from handrail.streams.http import listen

BODY_BYTES_MAX = 1_000_000
BODY_S_MAX = 10.0  # for all of a request to arrive
WRITE_S_MAX = 8.0  # senders wait 5 to 15 s: they send again after a 503
AT_ONCE_MAX = 64  # requests that are read or written; the next one gets 503
RETRY_AFTER_S = 10
GOODBYE_S = 10.0

Tell = Callable[[str], None]
_LATER = (503, "come again")


class Inbound:
    """The sources, and the topic that their words go to. Raises ConfigError where a secret cannot be read."""

    def __init__(
        self, sources: tuple[Source, ...], base: Path, producer: Producer, key: SigningKey | None, counters: Counters,
        notice: Tell,
    ) -> None:  # fmt: skip
        self._sources = {source.name: source for source in sources}
        self._secrets = {source.name: secrets_of(source, base) for source in sources}
        self._producer, self._key, self._counters, self._notice = producer, key, counters, notice
        self._under_way = 0

    async def answer(self, request: web.Request) -> web.Response:
        """The response to POST /in/NAME."""
        source = self._sources.get(request.match_info["name"])
        if source is None:
            return _response(404, "no such source")
        if self._under_way >= AT_ONCE_MAX:
            return self._counted(source, *_LATER)
        self._under_way += 1
        try:
            return self._counted(source, *await self._accept(source, request))
        finally:
            self._under_way -= 1

    async def _accept(self, source: Source, request: web.Request) -> tuple[int, str]:
        try:
            async with asyncio.timeout(BODY_S_MAX):
                body = await request.read()
        except TimeoutError:
            return 408, "the request did not arrive in time"
        headers = {name.lower(): value for name, value in request.headers.items()}
        why = signatures.rejection(source.verify, self._secrets[source.name], headers, body, time.time())
        if why is not None:
            self._notice(f"handrail hooks: /in/{source.name}: refused: {why}")
            return 401, "not verified"
        try:
            event = mapping.event(source, loads(body))
        except SchemaError as error:
            self._notice(f"handrail hooks: /in/{source.name}: cannot be used: {error}")
            return 422, str(error)
        return (200, "ignored") if event is None else await self._write(source, event)

    async def _write(self, source: Source, event: Mapping[str, Any]) -> tuple[int, str]:
        signed = sign_record(self._key, event)
        key = event["subject"].encode()
        try:
            async with asyncio.timeout(WRITE_S_MAX):
                number = partition_of(key, await self._producer.partitions(RESOLUTIONS))
                await self._producer.write(RESOLUTIONS, number, [Row(key, orjson.dumps(signed), CLOUDEVENT)])
        except (TimeoutError, KafkaError, EngineError) as error:
            self._notice(f"handrail hooks: /in/{source.name}: not written: {type(error).__name__}: {error}")
            return _LATER
        return 202, event["id"]

    def _counted(self, source: Source, status: int, text: str) -> web.Response:
        self._counters.received(source.name, status)
        return _response(status, text)


@asynccontextmanager
async def listening(address: str, inbound: Inbound) -> AsyncIterator[str]:
    """Takes requests at `address` for the length of the block; gives the URL. Raises ConfigError."""
    app = web.Application(client_max_size=BODY_BYTES_MAX)
    app.router.add_post("/in/{name}", inbound.answer)
    app.router.add_head("/in/{name}", _exists)  # some systems look whether anybody is there before they send
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GOODBYE_S)
    await runner.setup()
    try:
        yield await listen(runner, "--listen", address)
    finally:
        await runner.cleanup()


async def _exists(_: web.Request) -> web.Response:
    return web.Response(status=200)


def secrets_of(source: Source, base: Path) -> signatures.Secrets:
    """What the source shares with us. Raises ConfigError."""
    path = source.verify.secret_file
    if isinstance(source.verify, Standard):
        return signatures.Secrets(config.secrets(path, base))
    return signatures.Secrets(
        [line.strip().encode() for line in config.text_of(path, base).splitlines() if line.strip()]
    )


def _response(status: int, text: str) -> web.Response:
    headers = {"retry-after": str(RETRY_AFTER_S)} if status == 503 else {}
    body = orjson.dumps({"id" if status == 202 else "said": text}, option=orjson.OPT_APPEND_NEWLINE)
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")
