"""All checks in order. None takes long or raises: a check that fails is a line."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from handrail.doctor import broker, data_folder, libraries, machine, policies, processes
from handrail.doctor.installation import Installation, check_settings, find_installation
from handrail.doctor.line import Line, wrong
from handrail.schemas.errors import ConfigError, HandrailError

SECONDS_MAX = 8.0

Check = Callable[[], Awaitable[list[Line]]]


async def bounded(what: str, check: Check, seconds_max: float = SECONDS_MAX) -> list[Line]:
    """The lines of the check, or one that says that it took too long or failed."""
    try:
        async with asyncio.timeout(seconds_max):
            return await check()
    except TimeoutError:
        return [wrong(what, f"no answer within {seconds_max:g} s", "look at what it talks to, then try again")]
    except HandrailError as error:
        return [wrong(what, line, "") for line in str(error).splitlines()]
    except Exception as error:  # a broken check must not hide the others
        message = " ".join(f"{type(error).__name__}: {error}".split())
        return [wrong(what, message, "this check itself failed: please report it, with this line")]


async def in_thread(check: Callable[[], list[Line]]) -> list[Line]:
    """Run a check that may block for ever, on a disk that does not answer; on timeout its thread is abandoned."""
    loop, future = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
    threading.Thread(target=_run_check, args=(check, loop, future), daemon=True).start()
    lines: list[Line] = await future
    return lines


def _run_check(
    check: Callable[[], list[Line]], loop: asyncio.AbstractEventLoop, future: "asyncio.Future[list[Line]]"
) -> None:
    try:
        settle = partial(_settle, future, check(), None)
    except Exception as error:
        settle = partial(_settle, future, [], error)
    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def _settle(future: "asyncio.Future[list[Line]]", lines: list[Line], error: Exception | None) -> None:
    if future.cancelled():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(lines)


async def examine(options: Mapping[str, Any]) -> AsyncIterator[list[Line]]:
    """The lines of each check, as soon as it is done."""
    for what, check in {"python": machine.check_machine, "libraries": libraries.look}.items():
        yield await bounded(what, partial(in_thread, check))
    try:
        installation = find_installation(options)
    except ConfigError as error:  # without settings there is nothing more to check
        yield [wrong("settings", str(error), "")]
        return
    for what, check in _local_checks(installation).items():
        yield await bounded(what, partial(in_thread, check))
    yield await bounded("http", partial(processes.check_endpoints, installation))
    async for lines in _broker_checks(installation):
        yield lines


def _local_checks(installation: Installation) -> dict[str, Callable[[], list[Line]]]:
    """The checks that need no broker."""
    return {
        "settings": partial(check_settings, installation),
        "policies": partial(policies.check_policy_folder, installation),
        "data": partial(data_folder.check_data_folder, installation),
        "database": partial(data_folder.check_database, installation),
        "rules": partial(policies.check_idle_rules, installation),
        "tools": partial(policies.check_tool_names, installation),
        "embedded broker": machine.check_embedded_broker,
    }


async def _broker_checks(installation: Installation) -> AsyncIterator[list[Line]]:
    """The lines of the checks that need the broker."""
    unknown = await bounded("broker", partial(in_thread, partial(broker.resolve, installation)))
    if unknown:
        yield unknown
        return
    async with broker.BrokerConnection(installation) as connection:
        yield await bounded("broker", connection.check)
        if (cluster := connection.broker) is not None:
            yield await bounded("topics", partial(broker.check_topics, cluster))
            yield await bounded("workers", partial(processes.check_workers, installation, cluster))
            yield await bounded("ruleset", partial(policies.check_ruleset, installation))
            yield await bounded("sink", partial(processes.check_sink, installation, cluster))
