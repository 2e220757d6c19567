"""A check never takes long and never raises."""

import asyncio
import threading

from handrail.doctor.line import Line, ok
from handrail.doctor.run import bounded, in_thread
from handrail.schemas.errors import ConfigError


async def test_what_takes_too_long_is_said() -> None:
    async def never() -> list[Line]:
        await asyncio.Event().wait()
        return []

    (line,) = await bounded("broker", never, 0.01)
    assert (line.status, line.message) == ("wrong", "no answer within 0.01 s")


async def test_a_blocked_thread_is_abandoned() -> None:
    gate = threading.Event()

    def blocked() -> list[Line]:
        gate.wait(10)
        return []

    (line,) = await bounded("data", lambda: in_thread(blocked), 0.01)
    assert line.message == "no answer within 0.01 s"
    gate.set()


async def test_each_line_of_a_known_error_is_a_line() -> None:
    def mistaken() -> list[Line]:
        raise ConfigError("a.yaml: rules: missing\nb.yaml: rules: missing")

    lines = await bounded("policies", lambda: in_thread(mistaken))
    assert [(line.status, line.message) for line in lines] == [
        ("wrong", "a.yaml: rules: missing"),
        ("wrong", "b.yaml: rules: missing"),
    ]


async def test_a_check_that_fails_itself_is_a_line_and_no_traceback() -> None:
    async def broken() -> list[Line]:
        raise KeyError("cluster_id")

    (line,) = await bounded("broker", broken)
    assert line.message == "KeyError: 'cluster_id'"
    assert "report it" in line.remedy


async def test_what_is_found_is_handed_on() -> None:
    assert await bounded("data", lambda: in_thread(lambda: [ok("data", "fine")])) == [ok("data", "fine")]
