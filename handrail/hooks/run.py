"""`handrail hooks` from start to end: one courier for each hook, one server for all sources."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import Field

from handrail.hooks import config
from handrail.hooks.config import Config, Hook
from handrail.hooks.counters import Counters
from handrail.hooks.courier import Courier, DeadLetters
from handrail.hooks.endpoint import Endpoint
from handrail.hooks.inbound import Inbound, listening, secrets_of
from handrail.hooks.message import TOPICS
from handrail.kafka.one_log import OneLog, process_of
from handrail.schemas.errors import EngineError
from handrail.streams.address import Address
from handrail.streams.engine.producer import Producer
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.http import serving
from handrail.streams.keys import key_of
from handrail.streams.probe import ProbeResult
from handrail.streams.process import stop_signal
from handrail.streams.settings import Settings

Tell = Callable[[str], None]


class HooksSettings(Settings):
    """The secrets are in files that the hooks file names; none of them is a setting."""

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
    hooks: Path = Field(Path("hooks.yaml"), description="file that names hooks and sources")
    key: Path | None = Field(None, description="file of the key that signs answers; without it they are not signed")
    hooks_group: str = Field(
        "handrail-hooks", pattern=r"^[\w.-]{1,100}$", description="consumer groups are GROUP.NAME, one a hook"
    )
    hooks_listen: Address = Field("127.0.0.1:8090", description="HOST:PORT where sources send to")
    session_timeout_s: float = Field(
        10.0, ge=1, le=1800, description="a process that is silent for so long has lost its partitions"
    )
    http: Address | None = Field(
        None, description="HOST:PORT of /metrics, /healthz and /readyz; without it there are none"
    )


def describe(path: Path) -> Iterator[str]:
    """One line a hook and a source. Raises ConfigError."""
    hooks_file = config.load(path)
    for hook in hooks_file.hooks:
        Endpoint(hook, path.parent)
        yield f"hook {hook.name}: {hook.method} {hook.url}: {_which(hook)}; {_how(hook)}"
    for source in hooks_file.sources:
        secrets_of(source, path.parent)
        yield f"source {source.name}: POST /in/{source.name}, {source.verify.kind}, {len(source.rules)} rules"


def _which(hook: Hook) -> str:
    filters = (("queues", hook.queues), ("kinds", hook.kinds))
    only = [f"{name} {', '.join(values)}" for name, values in filters if values]
    return "; ".join([", ".join(hook.records), *only])


def _how(hook: Hook) -> str:
    signed = "signed" if hook.secret_file else "NOT signed"
    where = "also to private addresses" if hook.private else "to public addresses only"
    return f"{signed}, {where}, given up after {hook.retry.give_up_s:g} s"


async def run(settings: HooksSettings, ready: Tell, notice: Tell) -> None:
    """Send and receive until SIGTERM or SIGINT. `ready` gets one line when positions stand and sources may send.

    Raises ConfigError where it cannot start, EngineError where it cannot go on.
    """
    hooks_file, base = config.load(settings.hooks), settings.hooks.parent
    endpoints = [Endpoint(hook, base) for hook in hooks_file.hooks]
    key = key_of(settings.key)
    stop = stop_signal()
    await ensure_topics(settings.bootstrap)
    registry = CollectorRegistry()
    counters = Counters(registry)
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(process_of(settings.bootstrap, TOPICS, "hooks"))
        producer = await stack.enter_async_context(Producer(settings.bootstrap))
        letters = DeadLetters(producer, notice)
        couriers = []
        for hook, endpoint in zip(hooks_file.hooks, endpoints, strict=True):
            await stack.enter_async_context(endpoint)
            common = (settings.bootstrap, settings.hooks_group, settings.session_timeout_s)
            couriers.append(Courier(*common, hook, endpoint, letters, counters, notice))
        inbound = Inbound(hooks_file.sources, base, producer, key, counters, notice)
        at = await stack.enter_async_context(_sources(hooks_file, settings, inbound))
        at += await stack.enter_async_context(_watched(settings, registry, couriers))
        if hooks_file.sources and key is None:
            notice(
                "handrail hooks: answers are not signed: where keys.yaml names keys for resolutions, give --key FILE"
            )
        await _work(couriers, stop, lambda: ready(f"ready: {len(couriers)} hooks at {settings.bootstrap}{at}"), log)


async def _work(couriers: list[Courier], stop: asyncio.Event, ready: Callable[[], None], log: OneLog) -> None:
    """Until `stop`, or `log` is gone. A hook that is gone is left out; one that fails ends all."""
    tasks = [asyncio.create_task(courier.run(stop), name=courier.hook.name) for courier in couriers]
    reporting = asyncio.create_task(_log_ready(couriers, ready))
    stopped = asyncio.create_task(stop.wait())
    assert log.watching is not None
    try:
        waiting: set[asyncio.Task[Any]] = {*tasks, reporting, stopped, log.watching}
        while stopped in waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                _check(task, log)
    finally:
        stop.set()
        reporting.cancel()
        stopped.cancel()
        if tasks:
            await asyncio.wait(tasks)
        failed = [task for task in tasks if not task.cancelled() and task.exception() is not None]
    for task in failed:
        _check(task, log)


def _check(task: "asyncio.Task[Any]", log: OneLog) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        why = log.lost or f"{task.get_name()}: {type(error).__name__}: {error}"
        raise EngineError(f"handrail hooks: {why}") from error


async def _log_ready(couriers: list[Courier], ready: Callable[[], None]) -> None:
    for courier in couriers:
        await courier.ready.wait()
    ready()


@asynccontextmanager
async def _sources(hooks_file: Config, settings: HooksSettings, inbound: Inbound) -> AsyncIterator[str]:
    """Gives what the `ready` line says of it."""
    if not hooks_file.sources:
        yield ""
        return
    async with listening(settings.hooks_listen, inbound) as url:
        yield f", sources at {url}/in/NAME"


@asynccontextmanager
async def _watched(settings: HooksSettings, registry: CollectorRegistry, couriers: list[Courier]) -> AsyncIterator[str]:
    if settings.http is None:
        yield ""
        return
    async with serving(settings.http, registry, ProbeResult, partial(_ready, couriers)) as url:
        yield f", {url}/metrics"


def _ready(couriers: list[Courier]) -> ProbeResult:
    state = {
        courier.hook.name: {"partitions": courier.partitions, "waiting": courier.unsettled()} for courier in couriers
    }
    for courier in couriers:
        if courier.gone_why:
            return ProbeResult(f"hook {courier.hook.name}: stopped: {courier.gone_why}", {"hooks": state})
        if not courier.ready.is_set():
            return ProbeResult(f"hook {courier.hook.name}: has no partitions yet", {"hooks": state})
    return ProbeResult("", {"hooks": state})
