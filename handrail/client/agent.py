"""An agent in one conversation: it tells what it does, asks before it acts, and keeps to the answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal, ParamSpec, Self, TypeVar, overload
from uuid import uuid4

from handrail.client.answer import Answer, Permit
from handrail.client.asking import Asking, Enforcing, Expired, Question, UsedUp
from handrail.client.call import RESPONSE, Effect, ProposedCall
from handrail.client.client import TIMEOUT_S, Client
from handrail.client.errors import AlreadyClaimed, GovernanceError, Unusable, refusal
from handrail.client.event import Voice
from handrail.client.gate import Admission, Gate
from handrail.client.handback import Handback
from handrail.client.observing import Observing
from handrail.client.renewed import renewed
from handrail.client.shown import shown, text
from handrail.client.tools import governed
from handrail.schemas.errors import ConfigError
from handrail.schemas.outputs import Decision

P = ParamSpec("P")
T = TypeVar("T")

APPROVAL_TIMEOUT_S = 3600.0

log = logging.getLogger("handrail.client")
RENEWED_MAX = 16  # names of one action that are tried in one `propose`
Kind = Literal["action", "response"]
Outcome = Literal["resolved", "transferred", "abandoned", "error", "halted"]


class Agent:
    """One execution of an agent in one conversation, for the length of an `async with` block.

    All agents of a process share one connection. Entering tells `execution.started`. Every method puts its event on
    the log before it returns; `route`, `propose`, `respond` and `human_requested` wait for the decision too.

    Parameters
    ----------
    agent_id : str
        The agent's name, as policies and `agents.yaml` know it.
    conversation : str
        The conversation's id; it is the Kafka key, and must not be `control`.
    execution : str, optional
        Limits count per execution. Default: a new one for each Agent. Name one to go on in it.
    client : Client, optional
        An entered Client to use. Default: the process's own, by `bootstrap` and `security` (see Client).
    tenant, agent_version, source, traceparent : str, optional
        Go into every event; `source` is `/agents/AGENT_ID` unless told otherwise.
    customer : mapping, optional
        `{ref, tier?, locale?, contact?, account?}`, told at the start.
    channel, goal : str, optional
        Told at the start.
    timeout_s : float
        Seconds to wait for a decision, for an acknowledgement, for the connection.
    approval_timeout_s : float
        Seconds to wait for a person.
    gate : Gate, optional
        What lets tools run here (`Agent.tool`): each is claimed in its file before it runs, so that no decision is
        acted on twice, whatever is killed in between. Not asked where the agent is only observed.
    observe : bool
        Tell everything, wait for nothing, be stopped by nothing: answers are `allowed` and their `decision` is None
        (`decided` waits for it). Nothing that Handrail or Kafka do raises then. Set `enforcement: observe` for the
        agent in `agents.yaml` too, or what it does against a verdict counts as a bypass.

    Raises
    ------
    ConfigError
        It is used outside of its block, in another event loop or process.
    SchemaError
        A field is not what the contract says; nothing was sent.
    Unreachable, NotRecorded
        On entry: Kafka did not answer in time.
    """

    def __init__(
        self,
        agent_id: str,
        *,
        conversation: str,
        execution: str | None = None,
        client: Client | None = None,
        bootstrap: str | None = None,
        security: Mapping[str, Any] | None = None,
        tenant: str | None = None,
        agent_version: str | None = None,
        source: str | None = None,
        traceparent: str | None = None,
        customer: Mapping[str, Any] | None = None,
        channel: str | None = None,
        goal: str | None = None,
        timeout_s: float = TIMEOUT_S,
        approval_timeout_s: float = APPROVAL_TIMEOUT_S,
        gate: Gate | None = None,
        observe: bool = False,
    ) -> None:
        self.agent_id, self.conversation = agent_id, conversation
        self.execution = execution or f"{conversation}/{uuid4().hex[:8]}"
        self.observe, self.gate = observe, gate
        self._voice = Voice(
            agent_id, conversation, self.execution, source or f"/agents/{agent_id}", tenant, agent_version, traceparent
        )
        self._started = {"customer": customer and dict(customer), "channel": channel, "goal": goal}
        self.client = client or Client(bootstrap, timeout_s=timeout_s, security=security)
        self._own_client = client is None
        self._asking: Asking
        if observe:
            self._asking = Observing(self.client, conversation, timeout_s, enter=self._own_client)
        else:
            self._asking = Enforcing(self.client, conversation, timeout_s, approval_timeout_s, enter=self._own_client)
        self._open, self._timeout_s = False, timeout_s
        self._telling: set[asyncio.Task[None]] = set()
        self._leaving: list[Callable[[], Awaitable[None]]] = []

    async def __aenter__(self) -> Self:
        if self._open:
            raise ConfigError("Agent: it is entered already: make one for each `async with`")
        started = self._voice.event("execution.started", self._started)
        await self._asking.open()
        self._open = True
        try:
            await self._asking.publish(started)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            for left in self._leaving:
                await left()
            await self._flush()
        finally:
            self._open = False
            await self._asking.close()

    def _goes_on(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work that is done whoever stops waiting for it, before the agent's block is left."""
        task = asyncio.create_task(work, name="handrail telling")
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)
        return task

    def _before_leaving(self, left: Callable[[], Awaitable[None]]) -> None:
        """What is to be told when the agent's block is left; it raises nothing."""
        self._leaving.append(left)

    async def _flush(self) -> None:
        """What goes on has ended; what has not after `timeout_s` is given up, and said to be."""
        if self._telling:
            _, late = await asyncio.wait(self._telling, timeout=self._timeout_s)
            for task in late:
                log.error("%s: a tool that was given up still runs: how it ends is not recorded", self.conversation)
                task.cancel()

    async def route(
        self,
        query: str,
        *,
        channel: str | None = None,
        locale: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        customer: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Tell what the customer said, and learn who may answer: `.route` is `ai`, `ai_supervised` or `human`.

        `attributes` are numbers and words that a policy can test. Raises NoDecision, SchemaError.
        """
        told = {
            "text": query,
            "channel": channel,
            "locale": locale,
            "attributes": attributes and dict(attributes),
            "customer": customer and dict(customer),
        }
        return await self._ask("query.received", "route", told)

    async def human_requested(self, *, channel: str | None = None) -> Answer:
        """The customer asks for a person, by a button or a keypress: always granted. Raises NoDecision."""
        return await self._ask("human.requested", "route", {"channel": channel})

    async def propose(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        effect: Effect | None = None,
        action_id: str | None = None,
        wait_approval: bool = True,
    ) -> Permit:
        """Ask to call a tool; when this returns, the call may be made, once, until the permit's time is over.

        Tell with `executed` what came of it. Where a person has to approve it, this waits for that person.

        Parameters
        ----------
        tool : str
            The tool's name, as policies know it.
        arguments : mapping
            What it will be called with, plain JSON.
        effect : str, optional
            `write` where the call changes something; it can only raise what `tools.yaml` says.
        action_id : str, optional
            Default: a new one. The same id with the same call in the same execution is a repeat: it counts once, and
            holds no longer than it did at first. What arrives too late to act on is proposed anew under another id
            (the permit's `action_id` and `replaces` say so, and the log of `handrail.client`), unless it may have run:
            then AlreadyClaimed of the agent's gate, and without a gate Unusable.
        wait_approval : bool
            False: raise NeedsApproval at once instead of waiting. To wait later, in the same block, propose the same
            call again with `action_id=error.decision.action_id`: what was answered in between is not lost.

        Raises
        ------
        Blocked, Halted, NeedsApproval, NoDecision, Unusable, AlreadyClaimed
            Do not call it.
        SchemaError
            The arguments are not plain JSON, or too large; nothing was asked.
        """
        told = {"tool": tool, "arguments": dict(arguments), "effect": effect}
        return await self._permit("action.proposed", ("action", "action_id", action_id), told, wait_approval)

    def admitted(self, permit: Permit, tool: str | None = None) -> Admission | nullcontext[None]:
        """Around what the permit is for: it goes through the agent's gate, where there is one. Raises GateRefused.

        `tool`: the name of what is called in the block, where that is not certain to be what the permit is for.
        """
        if self.gate is None or (self.observe and permit.record is None):
            return nullcontext()
        return self.gate.admit(permit, permit.tool if tool is None else tool)

    async def executed(
        self, permit: Permit, result: Any = None, *, error: object = None, unknown: object = None
    ) -> None:
        """Tell that the call was made, and what it returned, or how it failed.

        `unknown` says why nobody knows whether it took effect: it was given up while it ran, its server was lost. How
        it ended may be told later. A result beyond 100,000 bytes is cut; what is not JSON is told as text. Raises
        NotRecorded.
        """
        status, why = ("error", error) if error is not None else ("unknown", unknown)
        if why is None:
            status = "ok"
        told = {
            "action_id": permit.action_id,
            "tool": permit.tool,
            "arguments": permit.arguments,
            "effect": permit.call.effect,
            "status": status,
            "result": shown(result),
            "error": None if why is None else text(why),
            "decision_id": permit.decision.decision_id if permit.decision else None,
        }
        await self._publish("action.executed", told)

    async def respond(
        self,
        text: str,
        *,
        confidence: float | None = None,
        citations: Any = None,
        response_id: str | None = None,
        wait_approval: bool = True,
    ) -> Permit:
        """Ask to say this to the customer; when this returns, it counts as said: `message.sent` is on the log.

        `confidence` from 0 to 1. Raises as `propose`, and NotRecorded.
        """
        told = {"text": text, "confidence": confidence, "citations": citations}
        permit = await self._permit("response.proposed", (RESPONSE, "response_id", response_id), told, wait_approval)
        await self._publish("message.sent", {"role": "assistant", "text": text, "response_id": permit.action_id})
        return permit

    async def propose_llm(self, model: str | Mapping[str, Any], *, estimate: Mapping[str, int] | None = None) -> Answer:
        """Ask to call a language model; when this returns, limits and rules have nothing against it.

        `model` as for `llm`, which tells of the call afterwards; `estimate` is `{input_tokens, output_tokens}`, as far
        as they are known before. No person approves such a call: what would need one is blocked. Raises Blocked,
        Halted, NoDecision, SchemaError.
        """
        named = _model(model)
        told = {"model": named, "estimate": None if estimate is None else dict(estimate)}
        answer = await self._ask("llm.proposed", "llm", told)
        if answer.decision is not None and not answer.allowed:
            raise refusal(answer.decision, f"{self.conversation}: a call of {named.get('name')}")
        return answer

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
        """Tell of a call to a language model; where its cost passes a limit, the next thing asked is answered `halt`.

        `model` is `provider/name` or `{provider, name, served?, fingerprint?}`, `usage` is `{input_tokens,
        output_tokens, cached_input_tokens?}`, or None where it is not known: the call is one of unknown cost then,
        and never free. `cost_usd` is exact, 0 is free (default: the list price). `cached`: the answer came out of a
        cache and costs nothing. Raises NotRecorded.
        """
        told = {
            "model": _model(model),
            "usage": None if usage is None else dict(usage),
            "cost_usd": None if cost_usd is None else f"{Decimal(cost_usd):f}",
            "cached": cached or None,
            "confidence": confidence,
            "latency_ms": latency_ms,
            "error": None if error is None else str(error),
        }
        await self._publish("llm.completed", told)

    async def customer_acted(
        self, tool: str, arguments: Mapping[str, Any], *, status: Literal["ok", "error"] = "ok", result: Any = None
    ) -> None:
        """Tell of a step the customer took; it is no step of the agent. Raises NotRecorded."""
        told = {"tool": tool, "arguments": dict(arguments), "status": status, "result": shown(result)}
        await self._publish("customer.acted", told)

    async def human_replied(self, text: str, *, source: str | None = None) -> None:
        """Tell what a person wrote to the customer: the conversation is the person's until it is returned.

        `source` is where people write (default: the agent's own source). Who asked for a person has got one only where
        `human_sources` in `agents.yaml` names it: an agent's own word is not enough. Raises NotRecorded.
        """
        self._check_open()
        voice = self._voice if source is None else replace(self._voice, source=source)
        await self._asking.publish(voice.event("message.sent", {"role": "human_agent", "text": text}))

    async def feedback(self, *, csat: int | None = None, resolved: bool | None = None, text: str | None = None) -> None:
        """Tell what the customer thought of it; `csat` from 1 to 5. Raises NotRecorded."""
        await self._publish("feedback.received", {"csat": csat, "resolved": resolved, "text": text})

    async def ended(self, outcome: Outcome, *, reason: str | None = None) -> None:
        """Tell how it went: this execution proposes nothing more. Raises NotRecorded.

        Not told by itself at the end of the block: only the agent knows the outcome.
        """
        await self._publish("execution.ended", {"outcome": outcome, "reason": reason})

    async def decided(self, answer: Answer) -> Decision | None:
        """The decision of an answer; in observe mode waited for, and None where none came in time."""
        return await self._asking.decided(answer)

    async def returned(self, *, timeout_s: float | None = None) -> Handback | None:
        """Wait until a person is done with what was handed over: `outcome` is `returned` or `resolved`, with a `note`.

        After `returned` the AI may answer again: what is asked from then on is judged anew; not where `owner` is still
        `human`, since another handoff is open. After `resolved` the person keeps the conversation. None where nobody
        was done within `timeout_s` (default: `approval_timeout_s`), where no decision of this agent has named a
        handoff, and in observe mode. Approvals need no such wait: `propose` and `respond` return when they are given,
        the note is in the evidence of the release's reason. What was done before this is called, and after the agent
        was told of the handoff, is not lost; each is told once. Raises Unreachable.
        """
        self._check_open()
        return await self._asking.returned(timeout_s)

    @overload
    def tool(
        self, function: Callable[P, Awaitable[T]], *, name: str | None = None, effect: Effect | None = None
    ) -> Callable[P, Awaitable[T]]: ...

    @overload
    def tool(
        self, function: Callable[P, T], *, name: str | None = None, effect: Effect | None = None
    ) -> Callable[P, Awaitable[T]]: ...

    @overload
    def tool(
        self, function: None = None, *, name: str | None = None, effect: Effect | None = None
    ) -> Callable[[Callable[P, Any]], Callable[P, Awaitable[Any]]]: ...

    def tool(self, function: Any = None, *, name: str | None = None, effect: Effect | None = None) -> Any:
        """Make a function ask before it runs: `@agent.tool` or `agent.tool(function, effect="write")`.

        The wrapped function is awaited. It proposes its bound arguments, defaults included; runs only when that is
        allowed (a plain function in a thread), on a copy of what was judged; tells `action.executed`; and returns the
        function's result. One that is cancelled while it runs, or ends by a TimeoutError, is told as `unknown`; a plain
        function goes on in its thread, and what came of it is told when it ends. A TypeError for wrong arguments comes
        before anything is asked. Raises as `propose`; NotRecorded, with the result, where the tool ran and the log
        could not be told. Raises ConfigError, here, for a function that yields: its body would run later.
        """
        if function is None:
            return lambda given: self.tool(given, name=name, effect=effect)
        return governed(self, function, name, effect)

    async def _publish(self, name: str, data: dict[str, Any]) -> None:
        self._check_open()
        await self._asking.publish(self._voice.event(name, data))

    async def _ask(self, name: str, kind: Literal["route", "llm"], data: dict[str, Any]) -> Answer:
        self._check_open()
        return await self._asking.ask(Question(self._voice.event(name, data), kind))

    async def _permit(
        self, name: str, named: tuple[Kind, str, str | None], told: dict[str, Any], wait_approval: bool
    ) -> Permit:
        """The permit; what comes too late to act on, and cannot have run, is proposed anew under its next name."""
        kind, field, given = named
        first = found = given or uuid4().hex
        event_id = f"{self.execution}/{given}" if given else None
        for _ in range(RENEWED_MAX):
            try:
                permit = await self._asked(name, kind, {field: found, **told}, event_id, wait_approval)
                return permit if found == first else replace(permit, replaces=first)
            except UsedUp as over:
                await asyncio.to_thread(self._not_claimed, over, over.permit)
                raise
            except Expired as late:
                await asyncio.to_thread(self._may_not_have_run, late)
                if found != first and not _is_repeat(late):
                    raise Unusable(f"{late} again, under {found}: see how far the workers lag", late.decision) from None
                found, before = renewed(found), found
                log.warning("%s; it is proposed anew as %s, in place of %s", late, found, before)
                event_id = f"{self.execution}/{found}"
        message = f"{self.conversation}: {first}: was proposed anew {RENEWED_MAX} times and never run"
        raise Unusable(f"{message}: propose it under an action_id of its own")

    async def _asked(
        self, name: str, kind: Kind, data: dict[str, Any], event_id: str | None, wait_approval: bool
    ) -> Permit:
        self._check_open()
        event = self._voice.event(name, data, event_id)
        told = event.data
        if kind == RESPONSE:
            call = ProposedCall(told["response_id"], RESPONSE, {"text": told["text"]})
        else:
            call = ProposedCall(told["action_id"], told["tool"], told["arguments"], told.get("effect"))
        answer = await self._asking.ask(Question(event, kind, call, wait_approval))
        assert isinstance(answer, Permit)
        return answer

    def _may_not_have_run(self, late: Expired) -> None:
        """Return where what came too late was certainly never begun. Raises AlreadyClaimed, GateRefused, Unusable.

        An answer that was given before may have been acted on. A gate knows; of what was said, none does.
        """
        permit = late.permit
        if not self._not_claimed(late, permit) and _is_repeat(late):
            what = "message.sent" if permit.tool == RESPONSE else "action.executed"
            raise Unusable(
                f"{late}; it was allowed before, as {permit.action_id}, and may have been acted on: look for {what} on "
                "the log and at what the tool has done; only where it took no effect, propose it under a new id",
                late.decision,
            )

    def _not_claimed(self, error: GovernanceError, permit: Permit) -> bool:
        """True where the agent's gate knows that nobody acted on it, False where none can. Raises AlreadyClaimed."""
        if self.gate is None or permit.tool == RESPONSE:
            return False
        claim = self.gate.earlier(permit, permit.tool)
        if claim is not None:
            raise AlreadyClaimed(f"{error}, and it was used already: {claim}", claim)
        return True

    def _check_open(self) -> None:
        if not self._open:
            raise ConfigError("Agent: not connected: use it in `async with Agent(...) as agent:`")


def _is_repeat(late: Expired) -> bool:
    return late.decision is not None and bool(late.decision.repeat)


def _model(model: str | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(model, str):
        return dict(model)
    provider, slash, name = model.partition("/")
    return {"provider": provider, "name": name} if slash else {"provider": "unknown", "name": model}
