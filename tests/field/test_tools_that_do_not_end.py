"""A tool that is given up, that yields, or that raises what nobody expects: told as it is, and nobody hangs.

From public reports: openai/openai-agents-python#2479, mlorentedev/hive#111 (a time limit around a plain function),
agno-agi/agno#6095, wanxingai/LightAgent#107 (generators), python/cpython#112182, agronholm/anyio#475 (StopIteration).
"""

import asyncio
import functools
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from handrail.client import AlreadyClaimed, ConfigError
from handrail.client.running import ITEMS_MAX, Unfinished
from tests.attacks.signed import SignedGovernor
from tests.unit.client.test_gate import ARGUMENTS, TOOL, Clock, decided, made_s

HANGS_S = 10.0


def told(governor: SignedGovernor) -> list[tuple[str, Any]]:
    """(status, result or error) of all executions that were told."""
    done = governor.published("action.executed")
    return [(one["status"], one.get("result") if one["status"] == "ok" else one["error"]) for one in done]


class Slow:
    """A plain tool that runs until the test lets it end."""

    def __init__(self, raises: BaseException | None = None) -> None:
        self.began, self.may_end, self.ran = threading.Event(), threading.Event(), 0
        self.raises = raises

    def __call__(self, amount: int) -> dict[str, int]:
        self.began.set()
        assert self.may_end.wait(HANGS_S)
        self.ran += 1
        if self.raises is not None:
            raise self.raises
        return {"refunded": amount}


@pytest.mark.parametrize(
    ("raises", "last", "outcome"),
    [
        (None, ("ok", {"refunded": 20}), "ok"),
        (KeyError("the bank"), ("error", "KeyError: 'the bank'"), "error"),
        (SystemExit(3), ("unknown", "SystemExit: 3"), None),
        (StopIteration(), ("error", "StopIteration: "), "error"),
    ],
)
async def test_a_plain_tool_that_is_given_up_is_told_when_it_ends(
    tmp_path: Path, raises: BaseException | None, last: tuple[str, Any], outcome: str | None
) -> None:
    governor, slow = SignedGovernor(), Slow(raises)
    gate = governor.gate(tmp_path)
    async with governor.agent(timeout_s=5, gate=gate) as agent:
        tool = agent.tool(slow, name="refund")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(tool(20), 0.2)
        assert slow.ran == 0
        async with asyncio.timeout(HANGS_S):
            while not told(governor):  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        (status, why), *more = told(governor)
        assert (status, more) == ("unknown", [])
        assert "given up while it ran" in why
        assert len(gate.unfinished()) == 1
        slow.may_end.set()
    assert slow.ran == 1
    assert told(governor)[1:] == [last]
    assert [one.outcome for one in gate.unfinished()] == ([None] if outcome is None else [])
    (proposed,) = governor.published("action.proposed")
    assert {one["action_id"] for one in governor.published("action.executed")} == {proposed["action_id"]}


async def test_one_that_never_ends_holds_up_nobody(caplog: pytest.LogCaptureFixture) -> None:
    governor, slow = SignedGovernor(), Slow()
    async with asyncio.timeout(HANGS_S):
        async with governor.agent(timeout_s=0.5) as agent:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(agent.tool(slow, name="refund")(20), 0.2)
    assert [status for status, _ in told(governor)] == ["unknown"]
    assert "still runs: how it ends is not recorded" in caplog.text
    slow.may_end.set()


async def test_an_async_tool_that_is_given_up_may_have_run(tmp_path: Path) -> None:
    governor = SignedGovernor()
    gate = governor.gate(tmp_path)
    async with governor.agent(timeout_s=5, gate=gate) as agent:

        @agent.tool
        async def refund(amount: int) -> None:
            await asyncio.Event().wait()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(refund(20), 0.2)
        assert [status for status, _ in told(governor)] == ["unknown"]
        (claim,) = gate.unfinished()
    assert "nobody has said how it ended: see whether it took effect" in str(claim)


@pytest.mark.parametrize("plain", [True, False])
async def test_a_time_limit_within_the_tool_says_nothing_either(plain: bool) -> None:
    governor = SignedGovernor()

    def late(amount: int) -> None:
        raise TimeoutError("no answer from the bank")

    async def late_async(amount: int) -> None:
        late(amount)

    async with governor.agent(timeout_s=5) as agent:
        with pytest.raises(TimeoutError):
            await agent.tool(late if plain else late_async, name="refund")(20)
    assert told(governor) == [("unknown", "TimeoutError: no answer from the bank")]


@pytest.mark.parametrize("end", [StopIteration, StopAsyncIteration, GeneratorExit, SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("plain", [True, False])
async def test_no_exception_of_a_tool_hangs_or_is_ok(end: type[BaseException], plain: bool) -> None:
    governor = SignedGovernor()

    def raising(amount: int) -> None:
        raise end

    async def raising_async(amount: int) -> None:
        raise end

    async with governor.agent(timeout_s=5) as agent:
        tool = agent.tool(raising if plain else raising_async, name="refund")
        async with asyncio.timeout(HANGS_S):
            with pytest.raises((end, RuntimeError)):
                await tool(20)
        assert (await agent.propose("refund", {"amount": 21})).allowed, "and the agent goes on"
    ((status, _),) = told(governor)
    assert status == ("error" if issubclass(end, Exception) else "unknown")


def gives(amount: int) -> Iterator[int]:
    yield amount


async def gives_async(amount: int) -> AsyncIterator[int]:
    yield amount


class Giving:
    def __call__(self, amount: int) -> Iterator[int]:
        yield amount

    def method(self, amount: int) -> Iterator[int]:
        yield amount


@pytest.mark.parametrize(
    "function",
    [gives, gives_async, Giving(), Giving().method, functools.partial(gives, 1)],
    ids=lambda one: str(one)[:20],
)
async def test_a_function_that_yields_is_refused_where_it_is_wrapped(
    tmp_path: Path, function: Callable[..., Any]
) -> None:
    governor = SignedGovernor()
    async with governor.agent() as agent:
        with pytest.raises(ConfigError, match="a function that yields runs after it has returned: return a list"):
            agent.tool(function, name="refund")
    with pytest.raises(ConfigError, match="a function that yields"):
        governor.gate(tmp_path).tool(function, name="refund")


@pytest.mark.parametrize("kind", ["generator", "map", "async generator", "coroutine", "generator of a coroutine"])
async def test_what_a_tool_gives_bit_by_bit_runs_within_its_permit(tmp_path: Path, kind: str) -> None:
    governor, ran = SignedGovernor(), []
    gate = governor.gate(tmp_path)

    def one(number: int) -> int:
        ran.append((number, len(gate.unfinished())))
        return number

    def refund(amount: int) -> Any:
        return map(one, range(2)) if kind == "map" else (one(number) for number in range(2))

    async def bits() -> AsyncIterator[int]:
        for number in range(2):
            yield one(number)

    async def refund_async(amount: int) -> Any:
        return refund(amount)

    given: dict[str, Callable[[int], Any]] = {
        "async generator": lambda amount: bits(),
        "coroutine": lambda amount: refund_async(amount),
        "generator of a coroutine": refund_async,
    }
    async with governor.agent(timeout_s=5, gate=gate) as agent:
        assert await agent.tool(given.get(kind, refund), name="refund")(20) == [0, 1]
    assert ran == [(0, 1), (1, 1)], "while its claim was open"
    assert told(governor) == [("ok", [0, 1])]


@pytest.mark.parametrize("is_async", [True, False])
async def test_one_that_gives_without_end_is_stopped(is_async: bool) -> None:
    governor, ran = SignedGovernor(), []

    def for_ever() -> Iterator[int]:
        while True:
            ran.append(1)
            yield 1

    async def for_ever_async() -> AsyncIterator[int]:
        for one in for_ever():
            yield one

    async with governor.agent(timeout_s=5) as agent:
        with pytest.raises(Unfinished, match="more than 10,000 items"):
            await agent.tool(lambda: for_ever_async() if is_async else for_ever(), name="refund")()
    assert len(ran) == ITEMS_MAX + 1
    assert [status for status, _ in told(governor)] == ["unknown"]


async def test_a_generator_that_fails_is_an_error() -> None:
    governor = SignedGovernor()

    def fails() -> Iterator[int]:
        yield 1
        raise KeyError("the bank")

    async with governor.agent(timeout_s=5) as agent:
        with pytest.raises(KeyError):
            await agent.tool(lambda: fails(), name="refund")()
    assert told(governor) == [("error", "KeyError: 'the bank'")]


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt, TimeoutError])
def test_what_a_gate_does_not_know_stays_open(tmp_path: Path, end: type[BaseException]) -> None:
    record, *_ = decided()
    gate = SignedGovernor().gate(tmp_path)
    gate._clock = Clock(made_s(record) + 1)

    @gate.tool
    def refund(amount: int, order_id: str) -> None:
        raise end

    with pytest.raises(end):
        refund(record, ARGUMENTS)
    assert len(gate.unfinished()) == 1
    with pytest.raises(AlreadyClaimed, match="nobody has said how it ended"):
        gate.admit(record, TOOL, ARGUMENTS).__enter__()
