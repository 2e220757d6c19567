"""What an agent reports: events that no decision answers."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

from handrail.client.answer import Permit
from handrail.client.enforcement import Enforcement
from handrail.client.event import EventContext
from handrail.client.json_values import clip, to_json
from handrail.schemas.errors import ConfigError

log = logging.getLogger("handrail.client")
Outcome = Literal["resolved", "transferred", "abandoned", "error", "halted"]


class Reporter:
    """The reporting half of an `Agent`: each method puts its event on the log before it returns."""

    def __init__(self, context: EventContext, enforcement: Enforcement, timeout_s: float) -> None:
        self._context, self._enforcement, self._timeout_s = context, enforcement, timeout_s
        self._open = False
        self._unfinished: set[asyncio.Task[None]] = set()
        self._exit_callbacks: list[Callable[[], Awaitable[None]]] = []

    async def executed(
        self, permit: Permit, result: Any = None, *, error: object = None, unknown: object = None
    ) -> None:
        """Report that the call was made, with its result or its error.

        `unknown` says why it is not known whether it took effect: it was given up while it ran, its server was lost.
        Its end may be reported later. A result beyond 100,000 bytes is cut; what is not JSON is reported as text.
        Raises NotRecorded.
        """
        status, why = ("error", error) if error is not None else ("unknown", unknown)
        if why is None:
            status = "ok"
        data = {
            "action_id": permit.action_id,
            "tool": permit.tool,
            "arguments": permit.arguments,
            "effect": permit.call.effect,
            "status": status,
            "result": to_json(result),
            "error": None if why is None else clip(why),
            "decision_id": permit.decision.decision_id if permit.decision else None,
        }
        await self._publish("action.executed", data)

    async def llm(
        self,
        model: str | Mapping[str, Any],
        usage: Mapping[str, int] | None,
        *,
        cost_usd: str | Decimal | None = None,
        cached: bool = False,
        confidence: float | None = None,
        latency_ms: float | None = None,
        error: object = None,
    ) -> None:
        """Report a call of a language model; where its cost passes a limit, the next proposal is answered `halt`.

        `model` is `provider/name` or `{provider, name, served?, fingerprint?}`, `usage` is `{input_tokens,
        output_tokens, cached_input_tokens?}`, or None where it is not known: the call is one of unknown cost then,
        and never free. `cost_usd` is exact, 0 is free (default: the list price). `cached`: the answer came out of a
        cache and costs nothing. Raises NotRecorded.
        """
        data = {
            "model": model_fields(model),
            "usage": None if usage is None else dict(usage),
            "cost_usd": None if cost_usd is None else f"{Decimal(cost_usd):f}",
            "cached": cached or None,
            "confidence": confidence,
            "latency_ms": latency_ms,
            "error": None if error is None else str(error),
        }
        await self._publish("llm.completed", data)

    async def customer_acted(
        self, tool: str, arguments: Mapping[str, Any], *, status: Literal["ok", "error"] = "ok", result: Any = None
    ) -> None:
        """Report a step the customer took; it is no step of the agent. Raises NotRecorded."""
        data = {"tool": tool, "arguments": dict(arguments), "status": status, "result": to_json(result)}
        await self._publish("customer.acted", data)

    async def human_replied(self, text: str, *, source: str | None = None) -> None:
        """Report what a person wrote to the customer: the conversation is the person's until it is returned.

        `source` is where people write (default: the agent's own source). A customer who asked for a person has got one
        only where `human_sources` in `agents.yaml` names it: an agent's own word is not enough. Raises NotRecorded.
        """
        self._check_open()
        context = self._context if source is None else replace(self._context, source=source)
        await self._enforcement.publish(context.event("message.sent", {"role": "human_agent", "text": text}))

    async def feedback(self, *, csat: int | None = None, resolved: bool | None = None, text: str | None = None) -> None:
        """Report the customer's opinion; `csat` from 1 to 5. Raises NotRecorded."""
        await self._publish("feedback.received", {"csat": csat, "resolved": resolved, "text": text})

    async def ended(self, outcome: Outcome, *, reason: str | None = None) -> None:
        """Report how it went: this execution proposes nothing more. Raises NotRecorded.

        The end of the block does not report it: only the agent knows the outcome.
        """
        await self._publish("execution.ended", {"outcome": outcome, "reason": reason})

    async def _publish(self, name: str, data: dict[str, Any]) -> None:
        self._check_open()
        await self._enforcement.publish(self._context.event(name, data))

    def _check_open(self) -> None:
        if not self._open:
            raise ConfigError("Agent: not connected: use it in `async with Agent(...) as agent:`")

    def _run_to_end(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work that is done even when its caller is cancelled, before the agent's block is left."""
        task = asyncio.create_task(work, name="handrail report")
        self._unfinished.add(task)
        task.add_done_callback(self._unfinished.discard)
        return task

    def _before_exit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Call it when the agent's block is left; it must not raise."""
        self._exit_callbacks.append(callback)

    def _cancel_before_exit(self, callback: Callable[[], Awaitable[None]]) -> None:
        """The reverse of `_before_exit`."""
        self._exit_callbacks.remove(callback)

    async def _finish(self) -> None:
        """Run the exit callbacks, and wait for unfinished work; after `timeout_s` it is cancelled, with a log line."""
        for callback in self._exit_callbacks:
            await callback()
        if self._unfinished:
            _, late = await asyncio.wait(self._unfinished, timeout=self._timeout_s)
            for task in late:
                conversation = self._context.conversation_id
                log.error("%s: a tool that was given up still runs: how it ends is not recorded", conversation)
                task.cancel()


def model_fields(model: str | Mapping[str, Any]) -> dict[str, Any]:
    """A model as events name it: `{provider, name}` of `provider/name`."""
    if not isinstance(model, str):
        return dict(model)
    provider, slash, name = model.partition("/")
    return {"provider": provider, "name": name} if slash else {"provider": "unknown", "name": model}
