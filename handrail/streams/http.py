"""A process over HTTP: /metrics for Prometheus, /healthz and /readyz for probes.

The event loop that does the work answers: where it is stuck there is no answer, which fails the probe.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import orjson
from aiohttp import web
from prometheus_client import CollectorRegistry, disable_created_metrics
from prometheus_client.aiohttp import make_aiohttp_handler

from handrail.streams.address import host_port, refused, url_of
from handrail.streams.event_loop_lag import measured
from handrail.streams.probe import Question

GOODBYE_S = 1.0  # for a scrape that is under way when the process ends


@asynccontextmanager
async def serving(address: str, registry: CollectorRegistry, healthy: Question, ready: Question) -> AsyncIterator[str]:
    """Answers at `address` (`host_port`) for the length of the block; yields the URL. Raises ConfigError."""
    # A second series beside each, which no query of ours asks for.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    app = web.Application()
    app.router.add_get("/metrics", make_aiohttp_handler(registry))
    app.router.add_get("/healthz", _asking("healthy", healthy))
    app.router.add_get("/readyz", _asking("ready", ready))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=GOODBYE_S)
    await runner.setup()
    try:
        url = await listen(runner, "--http", address)
        async with measured(registry):
            yield url
    finally:
        await runner.cleanup()


async def listen(runner: web.AppRunner, option: str, address: str) -> str:
    """The runner answers at the address of that option; gives its URL. Raises ConfigError."""
    host, port = host_port(address)
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        raise refused(option, address, error) from error
    return url_of(host, runner.addresses[0][1])


def _asking(name: str, question: Question) -> Callable[[web.Request], Awaitable[web.Response]]:
    """A handler: 200 for yes, 503 for no, as JSON."""

    async def answer(_: web.Request) -> web.Response:
        result = question()
        reason = {"reason": result.reason} if result.reason else {}
        body = orjson.dumps({name: not result.reason, **reason, **result.more}, option=orjson.OPT_APPEND_NEWLINE)
        return web.Response(body=body, status=503 if result.reason else 200, content_type="application/json")

    return answer
