"""A worker from start to end: topics, bundle, partitions, and out again with nothing left half delivered."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry

from handrail.kafka.one_log import process_of
from handrail.policies import Bundle, load_bundle
from handrail.policies.keys import trusted
from handrail.schemas.errors import ConfigError, EngineError
from handrail.schemas.keys import SigningKey
from handrail.schemas.topics import AGENT_EVENTS, POLICIES, RESOLUTIONS, STATES
from handrail.streams.engine.activate import in_force
from handrail.streams.engine.app import GovernorApp, build
from handrail.streams.engine.bundle_watch import BundleWatch
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.controls import Issuer
from handrail.streams.engine.counters import Counters
from handrail.streams.engine.fatal import die, die_of, leave
from handrail.streams.engine.partitions import Partitions
from handrail.streams.engine.producer import Producer
from handrail.streams.engine.settings import WorkerSettings
from handrail.streams.engine.status import PartitionGauges, PartitionWaits, healthy
from handrail.streams.engine.status import ready as is_ready
from handrail.streams.engine.topics import ensure_topics
from handrail.streams.http import serving
from handrail.streams.keys import key_of
from handrail.streams.probe import Look, reporting, with_waits
from handrail.streams.process import collect_less, stop_signal

LEAVE_S_MAX = 20.0
READ = (AGENT_EVENTS, RESOLUTIONS, STATES, POLICIES)  # what a worker remembers comes from these

Notice = Callable[[str], None]


async def run(settings: WorkerSettings, ready: Notice, notice: Notice) -> None:
    """Govern until SIGTERM or SIGINT. `ready` gets one line when the first partitions are governed.

    `notice` gets one now and then while many states are being read.

    Raises HandrailError where it cannot start; what goes wrong later ends the process (`fatal.die`).
    """
    bundle = load_bundle(settings.policies) if settings.policies is not None else None
    key = key_of(settings.key)
    _check_key(bundle, key)
    stop = stop_signal()
    collect_less()
    await ensure_topics(settings.bootstrap)
    registry = CollectorRegistry()
    async with (
        process_of(settings.bootstrap, READ, "worker", lambda line: die(EngineError(line))) as log,
        Producer(settings.bootstrap) as producer,
    ):
        bundles = Bundles(settings.bootstrap)
        count = await producer.partitions(AGENT_EVENTS)
        issuer = Issuer(producer, key, "worker")
        partitions = Partitions(settings.bootstrap, count, issuer, bundles, Counters(registry), notice, log.id)
        registry.register(PartitionGauges(partitions))
        look = PartitionWaits(partitions).look
        async with (
            _served(settings, registry, partitions, look) as endpoint,
            reporting("handrail worker", look, notice),
        ):
            await _publish(settings.bootstrap, bundles, bundle, issuer)
            app = build(settings, partitions, issuer, count)
            await app.start()
            watch = BundleWatch(settings.bootstrap, bundles, partitions, producer, notice)
            watching = asyncio.create_task(watch.run(), name=f"watch of {POLICIES}")
            watching.add_done_callback(die_of)
            crashed = asyncio.create_task(_crash(app))
            await _either(partitions.ready(), stop.wait())
            if not stop.is_set():
                signed = "" if key is not None else ", decisions are not signed (--key)"
                about = f"worker of group {settings.group} at {settings.bootstrap}, ruleset {partitions.rulesets}"
                ready(f"ready: {about}{signed}{endpoint}")
            await stop.wait()
            crashed.cancel()
            watching.cancel()
            await partitions.close()
            await _leave(app)


@asynccontextmanager
async def _served(
    settings: WorkerSettings, registry: CollectorRegistry, partitions: Partitions, look: Look
) -> AsyncIterator[str]:
    """Serves /metrics, /healthz and /readyz; gives what the `ready` line says of it."""
    if settings.http is None:
        yield ""
        return
    ready = partial(with_waits, partial(is_ready, partitions), look)
    async with serving(settings.http, registry, partial(healthy, partitions), ready) as url:
        yield f", {url}/metrics"


def _check_key(bundle: Bundle | None, key: SigningKey | None) -> None:
    """Raises ConfigError where the policies name keys, and this worker has none of them."""
    if bundle is not None and bundle.keys and (key is None or key.id not in trusted(bundle.keys, "decisions")):
        mine = "no key is given" if key is None else f"the key given is {key.id}"
        raise ConfigError(
            f"keys.yaml: decisions are signed by {', '.join(trusted(bundle.keys, 'decisions'))}, and {mine}: "
            "start with --key FILE of one of these, or add this one to keys.yaml"
        )


async def _publish(bootstrap: str, bundles: Bundles, bundle: Bundle | None, issuer: Issuer) -> None:
    """The bundle becomes the newest one, which the owner of each partition activates there.

    Without one, and where none was ever in force, the built-in limits and routes.
    """
    await bundles.refresh()
    if bundle is None and not await bundles.newest_for({}):
        states = await in_force(bootstrap)
        bundle = None if any(state.ruleset for state in states.values()) else load_bundle(None)
    if bundle is not None:
        await bundles.publish(issuer.producer, bundle, issuer.key)


async def _crash(app: GovernorApp) -> None:
    """A crash of Faust ends the process: the supervisor has to start it again."""
    await app._crashed.wait()
    reason = app.crash_reason or EngineError("Faust stopped without a reason")
    die(reason, "Faust")


async def _leave(app: GovernorApp) -> None:
    """Leaves the group with offsets committed; where Faust waits for ever, without: deliveries stay valid."""
    stopping = asyncio.create_task(app.stop())
    await asyncio.wait([stopping], timeout=LEAVE_S_MAX)
    if not stopping.done():
        leave(f"Faust has not stopped for {LEAVE_S_MAX:g} s; everything that was folded is delivered")
    stopping.result()


async def _either(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.create_task(wait) for wait in waits]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
