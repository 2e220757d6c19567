"""`handrail hooks` from start to end: one courier for each hook, one server for all sources."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from handrail.hooks import choice, config
from handrail.hooks.config import Config
from handrail.hooks.counters import Counters
from handrail.hooks.courier import Courier
from handrail.hooks.endpoint import Endpoint
from handrail.hooks.inbound import Inbound, listening
from handrail.hooks.letters import Letters
from handrail.hooks.settings import HooksSettings
from handrail.kafka.one_log import OneLog, process_of
from handrail.schemas.errors import EngineError
from handrail.streams.engine.producer import Producer
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.http import serving
from handrail.streams.keys import key_of
from handrail.streams.probe import ProbeResult
from handrail.streams.process import stop_signal

Tell = Callable[[str], None]


async def run(settings: HooksSettings, ready: Tell, notice: Tell) -> None:
    """Send and receive until SIGTERM or SIGINT. `ready` gets one line when positions stand and sources may send.

    Raises ConfigError where it cannot start, EngineError where it cannot go on.
    """
    found, base = config.load(settings.hooks), settings.hooks.parent
    endpoints = [Endpoint(hook, base) for hook in found.hooks]
    key = key_of(settings.key)
    stop = stop_signal()
    await ensure_topics(settings.bootstrap)
    registry = CollectorRegistry()
    tally = Counters(registry)
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(process_of(settings.bootstrap, choice.TOPICS, "hooks"))
        producer = await stack.enter_async_context(Producer(settings.bootstrap))
        letters = Letters(producer, notice)
        couriers = []
        for hook, endpoint in zip(found.hooks, endpoints, strict=True):
            await stack.enter_async_context(endpoint)
            told = (settings.bootstrap, settings.hooks_group, settings.session_timeout_s)
            couriers.append(Courier(*told, hook, endpoint, letters, tally, notice))
        inbound = Inbound(found.sources, base, producer, key, tally, notice)
        at = await stack.enter_async_context(_sources(found, settings, inbound))
        at += await stack.enter_async_context(_watched(settings, registry, couriers))
        if found.sources and key is None:
            notice(
                "handrail hooks: answers are not signed: where keys.yaml names keys for resolutions, give --key FILE"
            )
        await _work(couriers, stop, lambda: ready(f"ready: {len(couriers)} hooks at {settings.bootstrap}{at}"), log)


async def _work(couriers: list[Courier], stop: asyncio.Event, ready: Callable[[], None], log: OneLog) -> None:
    """Until `stop`, or `log` is gone. A hook that is gone is left out; one that fails ends all."""
    tasks = [asyncio.create_task(courier.run(stop), name=courier.hook.name) for courier in couriers]
    telling = asyncio.create_task(_log_ready(couriers, ready))
    stopped = asyncio.create_task(stop.wait())
    assert log.watching is not None
    try:
        waiting: set[asyncio.Task[Any]] = {*tasks, telling, stopped, log.watching}
        while stopped in waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                _check(task, log)
    finally:
        stop.set()
        telling.cancel()
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
async def _sources(found: Config, settings: HooksSettings, inbound: Inbound) -> AsyncIterator[str]:
    """Gives what the `ready` line says of it."""
    if not found.sources:
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
    told = {one.hook.name: {"partitions": one.partitions, "waiting": one.unsettled()} for one in couriers}
    for one in couriers:
        if one.gone_why:
            return ProbeResult(f"hook {one.hook.name}: stopped: {one.gone_why}", {"hooks": told})
        if not one.ready.is_set():
            return ProbeResult(f"hook {one.hook.name}: has no partitions yet", {"hooks": told})
    return ProbeResult("", {"hooks": told})
