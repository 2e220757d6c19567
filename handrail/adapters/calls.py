"""What every adapter does with a tool call of its framework: propose, run, report, and leave nothing running."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from handrail.client import Agent, GovernanceError, Halted, NotRecorded, SchemaError
from handrail.client.call import Effect
from handrail.client.errors import SAYS_NOTHING

log = logging.getLogger("handrail.adapters")

Task = asyncio.Task[Any]
Run = Callable[[dict[str, Any]], Awaitable[Any]]

_within: ContextVar[Task | None] = ContextVar("within", default=None)


@dataclass(frozen=True, slots=True)
class Refused:
    """A call that did not run; `str()` is what the model gets to read instead of a result."""

    tool: str
    customer_message: str

    def __str__(self) -> str:
        return (
            f"{self.tool} was refused and did not run. Do not retry it: the same call will be refused again. "
            f"Tell the customer: {self.customer_message}"
        )


class ToolFailed(Exception):
    """The framework returned the tool's failure as a result; it is reported as an error all the same."""


@dataclass(slots=True)
class ToolCall:
    """A call under way. Calls of one turn have the same parent: None, or the tool whose sub-agent makes them."""

    parent: Task | None
    runs: bool = False
    failure: BaseException | None = None


class Calls:
    """All tool calls of one agent, also those that run side by side.

    Frameworks end a run at the first error and let the other calls of the turn go on unseen. Here an error waits until
    they have ended, so that what ran is reported before the agent's block is left.

    Parameters
    ----------
    agent : Agent
        The entered agent that asks; its gate is passed where it has one.
    effects : mapping, optional
        `read` or `write` by the name of the tool; it can only raise what `tools.yaml` says.
    """

    def __init__(self, agent: Agent, effects: Mapping[str, Effect] | None = None) -> None:
        self.agent = agent
        self.halted: Halted | None = None
        self._effects = dict(effects or {})
        self._under_way: dict[Task, ToolCall] = {}

    async def call(self, tool: str, arguments: Mapping[str, Any], run: Run, *, alone: bool = False) -> Any:
        """What `run` gave for the arguments once they were allowed, or a Refused where they were not.

        Waits for a person as `Agent.propose` does. Raises Halted, which must end the run, and what `run` raised.
        `alone`: the framework itself lets no call go on unseen; the others of the turn are not waited for.
        """
        call = ToolCall(parent=asyncio.current_task() if alone else _within.get())
        task = asyncio.ensure_future(self._run_governed(call, tool, arguments, run))
        self._under_way[task] = call
        try:
            return await task
        except asyncio.CancelledError:
            if self.halted is not None and not _is_cancelled():
                raise self.halted from None
            raise
        except Exception as error:
            return await self._handle_error(call, tool, error)
        finally:
            self._under_way.pop(task, None)

    async def _run_governed(self, call: ToolCall, tool: str, arguments: Mapping[str, Any], run: Run) -> Any:
        _within.set(asyncio.current_task())

        async def body(**judged_arguments: Any) -> Any:
            call.runs = True
            try:
                return await run(judged_arguments)
            except BaseException as error:
                call.failure = error
                raise

        governed: Callable[..., Awaitable[Any]] = self.agent.tool(body, name=tool, effect=self._effects.get(tool))
        return await governed(**arguments)

    async def _handle_error(self, call: ToolCall, tool: str, error: Exception) -> Any:
        """What is given or raised for an error of the call."""
        if isinstance(error, Halted):
            self.halted = self.halted or error
        elif error is not call.failure:
            if isinstance(error, NotRecorded):
                log.error("%s", error)
                return error.result
            if isinstance(error, GovernanceError | SchemaError):
                log.warning("%s", error)
                return Refused(tool, getattr(error, "customer_message", SAYS_NOTHING))
        await self._wait_for_others(call)
        raise error

    async def _wait_for_others(self, call: ToolCall) -> None:
        """The other calls of the turn have ended; after a halt, those that do not run yet are given up."""
        others = {task: other for task, other in self._under_way.items() if other.parent is call.parent}
        for task, other in others.items():
            if self.halted is not None and not other.runs:
                task.cancel()
        if running := [task for task in others if not task.done()]:
            await asyncio.wait(running)


def with_defaults(arguments: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the defaults of the tool's JSON Schema `properties`: what runs is what was judged."""
    schemas = {name: schema for name, schema in properties.items() if isinstance(schema, dict)}
    return {name: schema["default"] for name, schema in schemas.items() if "default" in schema} | dict(arguments)


def _is_cancelled() -> bool:
    """Whether somebody cancels the task that runs here, and not only what it waits for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
