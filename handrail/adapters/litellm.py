"""LiteLLM: tells `llm.completed` for each call to a model, with its usage, cost, latency and error.

    telling = Telling()
    litellm.callbacks.append(telling)          # once for the process
    async with Agent("shop", conversation="conv-1") as agent, telling.of(agent) as metadata:
        await litellm.acompletion("openai/gpt-4.1-mini", messages, metadata=metadata)

It tells, and stops nothing: tools are asked for by `agent.tool`, and a passed limit halts what is asked next.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from handrail.adapters.extras import missing
from handrail.adapters.usd import usd
from handrail.adapters.used import tell_left, used, used_by_failure
from handrail.client import Agent, HandrailError

try:
    from litellm.integrations.custom_logger import CustomLogger
    from litellm.types.utils import CallTypes
except ImportError as error:
    raise missing("litellm", error) from None

KEY = "handrail_execution"
SETTLE_S_MAX = 10.0  # LiteLLM calls back a moment after it has returned
LEFT_S = 0.3  # and never for a call that is cancelled, or a stream that is not read to its end
UNKNOWN = "unknown"
LEFT = "LiteLLM never said how it ended: it was cancelled, or its stream was left"

log = logging.getLogger("handrail.adapters")


@dataclass(slots=True)
class Call:
    """A call that LiteLLM has not called back for. `sure`: it has returned, and LiteLLM will."""

    model: dict[str, str]
    task: "asyncio.Task[Any] | None"
    streams: bool
    sure: bool = False

    @property
    def runs(self) -> bool:
        """Whether another task than the one that leaves the block waits for its answer."""
        task = self.task
        return not (self.streams or task is None or task is asyncio.current_task() or task.done())


@dataclass(slots=True)
class Speaker:
    """An agent, and its calls that LiteLLM has not called back for, by LiteLLM's own id."""

    agent: Agent
    calls: dict[str, Call] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)  # told as left
    telling: int = 0
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    async def ended(self, call_id: str, told: dict[str, Any]) -> None:
        """LiteLLM has called back: what it used is on the log, once."""
        self.calls.pop(call_id, None)
        if call_id in self.gone:
            return
        self.telling += 1
        try:
            await self.agent.llm(**told)
        except HandrailError as error:  # LiteLLM would swallow it
            log.error("%s", error)
        finally:
            self.telling -= 1
            self.settled.set()

    async def left(self, call_id: str) -> None:
        """Nobody will call back: the call is told as one of unknown cost."""
        if (call := self.calls.pop(call_id, None)) is not None:
            self.gone.add(call_id)
            await tell_left(self.agent, call.model, LEFT)

    async def settle(self) -> None:
        """All calls are told: what nobody calls back for after a moment is told as left."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        while self.calls:
            waits = any(call.sure or call.runs for call in self.calls.values())
            left_s = began_s + (SETTLE_S_MAX if waits else LEFT_S) - loop.time()
            self.settled.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self.settled.wait()
            except TimeoutError:
                for call_id in list(self.calls):
                    await self.left(call_id)
        while self.telling:
            self.settled.clear()
            await self.settled.wait()


class Telling(CustomLogger):
    """A callback for all agents of the process: a call belongs to the agent whose metadata it carries."""

    # Of the class: LiteLLM keeps one callback of each class, and passes over a second one without a word.
    _speakers: ClassVar[dict[str, Speaker]] = {}

    @asynccontextmanager
    async def of(self, agent: Agent) -> AsyncIterator[dict[str, str]]:
        """The `metadata` for the agent's calls. All that they used is told when the block is left."""
        speaker = self._speakers[agent.execution] = Speaker(agent)
        try:
            yield {KEY: agent.execution}
        finally:
            try:
                await speaker.settle()
            finally:
                del self._speakers[agent.execution]

    async def async_pre_call_deployment_hook(self, kwargs: dict[str, Any], call_type: Any) -> None:
        """A call begins, also one that a cache will answer."""
        speaker = self._speaker(kwargs)
        if speaker is None or call_type is not CallTypes.acompletion:
            return
        call = Call(_model(kwargs), asyncio.current_task(), bool(kwargs.get("stream")))
        speaker.calls[kwargs["litellm_call_id"]] = call

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Mapping[str, Any]) -> None:
        """Its model is known."""
        speaker = self._speaker(kwargs)
        if speaker is not None and (call := speaker.calls.get(kwargs["litellm_call_id"])) is not None:
            call.model = _model(kwargs)

    async def async_post_call_success_deployment_hook(self, request_data: Any, response: Any, call_type: Any) -> None:
        """It has returned."""
        speaker = self._speaker(request_data)
        if speaker is not None and (call := speaker.calls.get(request_data["litellm_call_id"])) is not None:
            call.sure = True

    async def async_log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """What it used is on the log."""
        await self._tell(kwargs, _told(kwargs, response_obj, start_time, end_time))

    async def async_log_failure_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """That it failed is on the log."""
        await self._tell(kwargs, _told(kwargs, None, start_time, end_time))

    def log_success_event(self, kwargs: Any, response_obj: Any, start_time: Any, end_time: Any) -> None:
        """Says so where a call of `completion` is not told, since it calls back outside of the agent's event loop."""
        if (speaker := self._speaker(kwargs)) is not None and not _is_async(kwargs):
            log.error("%s: a call of `completion` is not told: use `acompletion`", speaker.agent.conversation)

    async def _tell(self, kwargs: Mapping[str, Any], told: dict[str, Any]) -> None:
        if (speaker := self._speaker(kwargs)) is not None:
            await speaker.ended(kwargs["litellm_call_id"], told)

    def _speaker(self, kwargs: Mapping[str, Any]) -> Speaker | None:
        metadata = kwargs.get("metadata") or kwargs.get("litellm_params", {}).get("metadata") or {}
        return self._speakers.get(metadata.get(KEY, ""))


def _is_async(kwargs: Mapping[str, Any]) -> bool:
    return bool(kwargs.get("litellm_params", {}).get("acompletion"))


def _model(kwargs: Mapping[str, Any]) -> dict[str, str]:
    provider, name = kwargs.get("custom_llm_provider"), kwargs.get("model")
    return {"provider": str(provider or UNKNOWN), "name": str(name or UNKNOWN)}


def _told(kwargs: Mapping[str, Any], response: Any, start: datetime, end: datetime) -> dict[str, Any]:
    """What `agent.llm` takes. A response of None is that of a call that failed."""
    said, cost, cached = getattr(response, "usage", None), kwargs.get("response_cost"), bool(kwargs.get("cache_hit"))
    details = getattr(said, "prompt_tokens_details", None)
    usage = used(
        getattr(said, "prompt_tokens", None),
        getattr(said, "completion_tokens", None),
        getattr(details, "cached_tokens", None),
    )
    failed = response is None
    return {
        "model": _model(kwargs),
        "usage": used_by_failure(kwargs.get("exception")) if failed else usage,
        "cost_usd": usd(cost) if cost and not cached else None,  # 0 where it knows no price
        "cached": cached,
        "latency_ms": max(0.0, (end - start).total_seconds() * 1000),
        "error": kwargs.get("exception") if failed else None,
    }
