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
from handrail.client import Agent, HandrailError

try:
    from litellm.integrations.custom_logger import CustomLogger
except ImportError as error:
    raise missing("litellm", error) from None

KEY = "handrail_execution"
SETTLE_S_MAX = 10.0  # LiteLLM calls back a moment after it has returned

log = logging.getLogger("handrail.adapters")


@dataclass(slots=True)
class Speaker:
    """An agent, and its calls that LiteLLM has not called back for, by LiteLLM's own id."""

    agent: Agent
    calls: set[str] = field(default_factory=set)
    settled: asyncio.Event = field(default_factory=asyncio.Event)


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
                async with asyncio.timeout(SETTLE_S_MAX):
                    while speaker.calls:
                        speaker.settled.clear()
                        await speaker.settled.wait()
            except TimeoutError:
                log.error("%s: LiteLLM never said how %d calls ended", agent.conversation, len(speaker.calls))
            del self._speakers[agent.execution]

    def log_pre_api_call(self, model: Any, messages: Any, kwargs: Mapping[str, Any]) -> None:
        """A call begins."""
        if (speaker := self._speaker(kwargs)) is not None and _is_async(kwargs):
            speaker.calls.add(kwargs["litellm_call_id"])

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
        if (speaker := self._speaker(kwargs)) is None:
            return
        try:
            await speaker.agent.llm(**told)
        except HandrailError as error:  # LiteLLM would swallow it
            log.error("%s", error)
        finally:
            speaker.calls.discard(kwargs["litellm_call_id"])
            speaker.settled.set()

    def _speaker(self, kwargs: Mapping[str, Any]) -> Speaker | None:
        metadata = kwargs.get("litellm_params", {}).get("metadata") or {}
        return self._speakers.get(metadata.get(KEY, ""))


def _is_async(kwargs: Mapping[str, Any]) -> bool:
    return bool(kwargs.get("litellm_params", {}).get("acompletion"))


def _told(kwargs: Mapping[str, Any], response: Any, start: datetime, end: datetime) -> dict[str, Any]:
    """What `agent.llm` takes. A response of None is that of a call that failed."""
    used, cost = getattr(response, "usage", None), kwargs.get("response_cost") or 0
    details = getattr(used, "prompt_tokens_details", None)
    usage = {
        "input_tokens": getattr(used, "prompt_tokens", 0) or 0,
        "cached_input_tokens": getattr(details, "cached_tokens", 0) or 0,
        "output_tokens": getattr(used, "completion_tokens", 0) or 0,
    }
    return {
        "model": {"provider": str(kwargs.get("custom_llm_provider") or "unknown"), "name": str(kwargs["model"])},
        "usage": usage,
        "cost_usd": usd(cost) if cost > 0 else None,
        "latency_ms": max(0.0, (end - start).total_seconds() * 1000),
        "error": kwargs.get("exception") if response is None else None,
    }
