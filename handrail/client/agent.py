"""An agent in one conversation: it tells what it does, asks before it acts, and keeps to the answer."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal, ParamSpec, Self, TypeVar, overload
from uuid import uuid4

from handrail.client.answer import Answer, Permit
from handrail.client.asking import Asking, Enforcing, Question
from handrail.client.call import RESPONSE, Call, Effect
from handrail.client.client import TIMEOUT_S, Client
from handrail.client.event import Voice
from handrail.client.gate import Admission, Gate
from handrail.client.handback import Handback
from handrail.client.observing import Observing
from handrail.client.shown import shown, text
from handrail.client.tools import governed
from handrail.schemas.errors import ConfigError
from handrail.schemas.outputs import Decision

P = ParamSpec("P")
T = TypeVar("T")

APPROVAL_TIMEOUT_S = 3600.0
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
        self._open = False

    async def __aenter__(self) -> Self:
        if self._open:
            raise ConfigError("Agent: it is entered already: make one for each `async with`")
        started = self._voice.event("execution.started", self._started)
        await self._asking.open()
        self._open = True
        try:
            await self._asking.tell(started)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False
        await self._asking.close()

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
            Default: a new one. The same id with the same call in the same execution is a repeat: it counts once.
        wait_approval : bool
            False: raise NeedsApproval at once instead of waiting. To wait later, in the same block, propose the same
            call again with `action_id=error.decision.action_id`: what was answered in between is not lost.

        Raises
        ------
        Blocked, Halted, NeedsApproval, NoDecision, Unusable
            Do not call it.
        SchemaError
            The arguments are not plain JSON, or too large; nothing was asked.
        """
        known, action_id = action_id is not None, action_id or uuid4().hex
        told = {"action_id": action_id, "tool": tool, "arguments": dict(arguments), "effect": effect}
        event_id = f"{self.execution}/{action_id}" if known else None
        return await self._permit("action.proposed", "action", told, event_id, wait_approval)

    def admitted(self, permit: Permit) -> Admission | nullcontext[None]:
        """Around what the permit is for: it goes through the agent's gate, where there is one. Raises GateRefused."""
        if self.gate is None or (self.observe and permit.record is None):
            return nullcontext()
        return self.gate.admit(permit)

    async def executed(self, permit: Permit, result: Any = None, *, error: object = None) -> None:
        """Tell that the call was made, and what it returned, or how it failed.

        A result beyond 100,000 bytes is cut; what is not JSON is told as text. Raises NotRecorded.
        """
        told = {
            "action_id": permit.action_id,
            "tool": permit.tool,
            "arguments": permit.arguments,
            "effect": permit.call.effect,
            "status": "ok" if error is None else "error",
            "result": shown(result),
            "error": None if error is None else text(error),
            "decision_id": permit.decision.decision_id if permit.decision else None,
        }
        await self._tell("action.executed", told)

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
        known, response_id = response_id is not None, response_id or uuid4().hex
        told = {"response_id": response_id, "text": text, "confidence": confidence, "citations": citations}
        event_id = f"{self.execution}/{response_id}" if known else None
        permit = await self._permit("response.proposed", RESPONSE, told, event_id, wait_approval)
        await self._tell("message.sent", {"role": "assistant", "text": text, "response_id": response_id})
        return permit

    async def llm(
        self,
        model: str | Mapping[str, Any],
        usage: Mapping[str, int],
        *,
        cost_usd: str | Decimal | None = None,
        confidence: float | None = None,
        latency_ms: float | None = None,
        error: object = None,
    ) -> None:
        """Tell of a call to a language model; where its cost passes a limit, the next thing asked is answered `halt`.

        `model` is `provider/name` or `{provider, name, served?, fingerprint?}`, `usage` is `{input_tokens,
        output_tokens, cached_input_tokens?}`, `cost_usd` exact (default: the list price). Raises NotRecorded.
        """
        told = {
            "model": _model(model),
            "usage": dict(usage),
            "cost_usd": None if cost_usd is None else f"{Decimal(cost_usd):f}",
            "confidence": confidence,
            "latency_ms": latency_ms,
            "error": None if error is None else str(error),
        }
        await self._tell("llm.completed", told)

    async def customer_acted(
        self, tool: str, arguments: Mapping[str, Any], *, status: Literal["ok", "error"] = "ok", result: Any = None
    ) -> None:
        """Tell of a step the customer took; it is no step of the agent. Raises NotRecorded."""
        told = {"tool": tool, "arguments": dict(arguments), "status": status, "result": shown(result)}
        await self._tell("customer.acted", told)

    async def human_replied(self, text: str, *, source: str | None = None) -> None:
        """Tell what a person wrote to the customer: the conversation is the person's until it is returned.

        `source` is where people write (default: the agent's own source). Who asked for a person has got one only where
        `human_sources` in `agents.yaml` names it: an agent's own word is not enough. Raises NotRecorded.
        """
        self._check_open()
        voice = self._voice if source is None else replace(self._voice, source=source)
        await self._asking.tell(voice.event("message.sent", {"role": "human_agent", "text": text}))

    async def feedback(self, *, csat: int | None = None, resolved: bool | None = None, text: str | None = None) -> None:
        """Tell what the customer thought of it; `csat` from 1 to 5. Raises NotRecorded."""
        await self._tell("feedback.received", {"csat": csat, "resolved": resolved, "text": text})

    async def ended(self, outcome: Outcome, *, reason: str | None = None) -> None:
        """Tell how it went: this execution proposes nothing more. Raises NotRecorded.

        Not told by itself at the end of the block: only the agent knows the outcome.
        """
        await self._tell("execution.ended", {"outcome": outcome, "reason": reason})

    async def decided(self, answer: Answer) -> Decision | None:
        """The decision of an answer; in observe mode waited for, and None where none came in time."""
        return await self._asking.decided(answer)

    async def returned(self, *, timeout_s: float | None = None) -> Handback | None:
        """Wait until a person is done with what was handed over: `outcome` is `returned` or `resolved`, with a `note`.

        After `returned` the AI may answer again: what is asked from then on is judged anew. After `resolved` the person
        keeps the conversation. None where nobody was done within `timeout_s` (default: `approval_timeout_s`), where no
        decision of this agent has named a handoff, and in observe mode. Approvals need no such wait: `propose` and
        `respond` return when they are given, the note is in the evidence of the release's reason. What was done before
        this is called, and after the agent was told of the handoff, is not lost; each is told once. Raises Unreachable.
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
        allowed (a plain function in a thread); tells `action.executed`; and returns the function's result. A
        TypeError for wrong arguments comes before anything is asked. Raises as `propose`; NotRecorded, with the
        result, where the tool ran and the log could not be told.
        """
        if function is None:
            return lambda given: self.tool(given, name=name, effect=effect)
        return governed(self, function, name, effect)

    async def _tell(self, name: str, data: dict[str, Any]) -> None:
        self._check_open()
        await self._asking.tell(self._voice.event(name, data))

    async def _ask(self, name: str, kind: Literal["route"], data: dict[str, Any]) -> Answer:
        self._check_open()
        return await self._asking.ask(Question(self._voice.event(name, data), kind))

    async def _permit(
        self,
        name: str,
        kind: Literal["action", "response"],
        data: dict[str, Any],
        event_id: str | None,
        wait_approval: bool,
    ) -> Permit:
        self._check_open()
        event = self._voice.event(name, data, event_id)
        told = event.data
        if kind == RESPONSE:
            call = Call(told["response_id"], RESPONSE, {"text": told["text"]})
        else:
            call = Call(told["action_id"], told["tool"], told["arguments"], told.get("effect"))
        answer = await self._asking.ask(Question(event, kind, call, wait_approval))
        assert isinstance(answer, Permit)
        return answer

    def _check_open(self) -> None:
        if not self._open:
            raise ConfigError("Agent: not connected: use it in `async with Agent(...) as agent:`")


def _model(model: str | Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(model, str):
        return dict(model)
    provider, slash, name = model.partition("/")
    return {"provider": provider, "name": name} if slash else {"provider": "unknown", "name": model}
