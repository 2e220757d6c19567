"""LiteLLM: reports `llm.completed` for each call to a model, with its usage, cost, latency and error.

    telling = Telling()
    litellm.callbacks.append(telling)          # once for the process
    async with Agent("shop", conversation="conv-1") as agent, telling.of(agent) as metadata:
        await litellm.acompletion("openai/gpt-4.1-mini", messages, metadata=metadata)

It reports, and stops nothing: tools are governed by `agent.tool`, and a passed limit halts the next proposal.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from handrail.adapters import missing_framework
from handrail.adapters.usage import known_usage, report_failure, usage_of_failure, usd
from handrail.client import Agent, HandrailError

try:
    from litellm.integrations.custom_logger import CustomLogger
    from litellm.types.utils import CallTypes
except ImportError as error:
    raise missing_framework("litellm", error) from None

KEY = "handrail_execution"
SETTLE_S_MAX = 10.0  # LiteLLM calls back a moment after it has returned
ABANDON_S = 0.3  # and never for a call that is cancelled, or a stream that is not read to its end
UNKNOWN = "unknown"
ABANDONED = "LiteLLM never said how it ended: it was cancelled, or its stream was left"

log = logging.getLogger("handrail.adapters")


@dataclass(slots=True)
class ModelCall:
    """A call that LiteLLM has not called back for. `returned`: it has returned, and LiteLLM will call back."""

    model: dict[str, str]
    task: "asyncio.Task[Any] | None"
    streams: bool
    returned: bool = False

    @property
    def runs(self) -> bool:
        """Whether another task than the one that leaves the block waits for its answer."""
        task = self.task
        return not (self.streams or task is None or task is asyncio.current_task() or task.done())


@dataclass(slots=True)
class AgentCalls:
    """An agent, and its calls that LiteLLM has not called back for, by LiteLLM's own id."""

    agent: Agent
    calls: dict[str, ModelCall] = field(default_factory=dict)
    abandoned: set[str] = field(default_factory=set)  # reported without a callback
    reporting: int = 0
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    async def ended(self, call_id: str, arguments: dict[str, Any]) -> None:
        """LiteLLM has called back: what it used is on the log, once."""
        self.calls.pop(call_id, None)
        if call_id in self.abandoned:
            return
        self.reporting += 1
        try:
            await self.agent.llm(**arguments)
        except HandrailError as error:  # LiteLLM would swallow it
            log.error("%s", error)
        finally:
            self.reporting -= 1
            self.settled.set()

    async def abandon(self, call_id: str) -> None:
        """LiteLLM will not call back: report the call as one of unknown cost."""
        if (call := self.calls.pop(call_id, None)) is not None:
            self.abandoned.add(call_id)
            await report_failure(self.agent, call.model, ABANDONED)

    async def settle(self) -> None:
        """Return when all calls are reported; those that LiteLLM does not call back for in time are abandoned."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while self.calls:
            waits = any(call.returned or call.runs for call in self.calls.values())
            left_s = began_s + (SETTLE_S_MAX if waits else ABANDON_S) - loop.time()
            self.settled.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self.settled.wait()
            except TimeoutError:
                for call_id in list(self.calls):
                    await self.abandon(call_id)
        while self.reporting:
            self.settled.clear()
            await self.settled.wait()


class Telling(CustomLogger):
    """A callback for all agents of the process: a call belongs to the agent whose metadata it carries."""

    # Of the class: LiteLLM keeps one callback of each class, and ignores a second one silently.
    _agents: ClassVar[dict[str, AgentCalls]] = {}

    @asynccontextmanager
    async def of(self, agent: Agent) -> AsyncIterator[dict[str, str]]:
        """The `metadata` for the agent's calls. All their usage is reported when the block is left."""
        tracked = self._agents[agent.execution] = AgentCalls(agent)
        try:
            yield {KEY: agent.execution}
        finally:
            try:
                await tracked.settle()
            finally:
                del self._agents[agent.execution]

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> None:
        """A call begins, also one that a cache will answer."""
        tracked = self._agent_calls(kwargs)
        if tracked is None or call_type is not CallTypes.acompletion:
            return
        call = ModelCall(_model(kwargs), asyncio.current_task(), bool(kwargs.get("stream")))
        tracked.calls[kwargs["litellm_call_id"]] = call

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Mapping[str, Any]) -> None:
        """Its model is known."""
        tracked = self._agent_calls(kwargs)
        if tracked is not None and (call := tracked.calls.get(kwargs["litellm_call_id"])) is not None:
            call.model = _model(kwargs)

    async def async_post_call_success_deployment_hook(self, request_data: Any, response: Any, call_type: Any) -> None:
        """It has returned."""
        tracked = self._agent_calls(request_data)
        if tracked is not None and (call := tracked.calls.get(request_data["litellm_call_id"])) is not None:
            call.returned = True

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """What it used is on the log."""
        await self._report(kwargs, _llm_arguments(kwargs, response_obj, start_time, end_time))

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """That it failed is on the log."""
        await self._report(kwargs, _llm_arguments(kwargs, None, start_time, end_time))

    def log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Log that a call of `completion` is not reported, since it calls back outside of the agent's event loop."""
        if (tracked := self._agent_calls(kwargs)) is not None and not _is_async(kwargs):
            log.error("%s: a call of `completion` is not told: use `acompletion`", tracked.agent.conversation)

    async def _report(self, kwargs: Mapping[str, Any], arguments: dict[str, Any]) -> None:
        if (tracked := self._agent_calls(kwargs)) is not None:
            await tracked.ended(kwargs["litellm_call_id"], arguments)

    def _agent_calls(self, kwargs: Mapping[str, Any]) -> AgentCalls | None:
        metadata = kwargs.get("metadata") or kwargs.get("litellm_params", {}).get("metadata") or {}
        return self._agents.get(metadata.get(KEY, ""))


def _is_async(kwargs: Mapping[str, Any]) -> bool:
    return bool(kwargs.get("litellm_params", {}).get("acompletion"))


def _model(kwargs: Mapping[str, Any]) -> dict[str, str]:
    provider, name = kwargs.get("custom_llm_provider"), kwargs.get("model")
    return {"provider": str(provider or UNKNOWN), "name": str(name or UNKNOWN)}


def _llm_arguments(kwargs: Mapping[str, Any], response: Any, start: datetime, end: datetime) -> dict[str, Any]:
    """What `agent.llm` takes. A response of None is that of a call that failed."""
    reported, cost, cached = (
        getattr(response, "usage", None),
        kwargs.get("response_cost"),
        bool(kwargs.get("cache_hit")),
    )
    details = getattr(reported, "prompt_tokens_details", None)
    usage = known_usage(
        getattr(reported, "prompt_tokens", None),
        getattr(reported, "completion_tokens", None),
        getattr(details, "cached_tokens", None),
    )
    failed = response is None
    return {
        "model": _model(kwargs),
        "usage": usage_of_failure(kwargs.get("exception")) if failed else usage,
        "cost_usd": usd(cost) if cost and not cached else None,  # 0 where it knows no price
        "cached": cached,
        "latency_ms": max(0.0, (end - start).total_seconds() * 1000),
        "error": kwargs.get("exception") if failed else None,
    }
