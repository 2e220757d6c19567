"""A check never takes long and never raises: what goes wrong with it is its line."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from functools import partial

from handrail.doctor.line import Line, wrong
from handrail.schemas.errors import HandrailError

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
    except Exception as error:  # a doctor who faints helps nobody
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return [wrong(what, said, "this check itself failed: please report it, with this line")]


async def in_thread(look: Callable[[], list[Line]]) -> list[Line]:
    """A look that may block for ever, at a disk that does not answer: its thread is left behind when time is over."""
    loop, found = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
    threading.Thread(target=_look, args=(look, loop, found), daemon=True).start()
    lines: list[Line] = await found
    return lines


def _look(look: Callable[[], list[Line]], loop: asyncio.AbstractEventLoop, found: "asyncio.Future[list[Line]]") -> None:
    try:
        done = partial(_settle, found, look(), None)
    except Exception as error:
        done = partial(_settle, found, [], error)
    if not loop.is_closed():
        loop.call_soon_threadsafe(done)


def _settle(found: "asyncio.Future[list[Line]]", lines: list[Line], error: Exception | None) -> None:
    if found.cancelled():
        return
    if error is not None:
        found.set_exception(error)
    else:
        found.set_result(lines)
