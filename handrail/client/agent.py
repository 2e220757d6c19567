"""An agent in one conversation: it asks before it acts, keeps to the answer, and reports what it does."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any, Literal, ParamSpec, Self, TypeVar, overload
from uuid import uuid4

from handrail.client.answer import Answer, Permit
from handrail.client.call import RESPONSE, Effect
from handrail.client.client import TIMEOUT_S, Client
from handrail.client.enforcement import Enforcement, Enforcing, Question
from handrail.client.errors import refusal
from handrail.client.event import EventContext
from handrail.client.gate import Admission, Gate
from handrail.client.handback import Handback
from handrail.client.observing import Observing
from handrail.client.proposals import Proposal, Proposer
from handrail.client.reports import Reporter, model_fields
from handrail.client.tools import govern
from handrail.schemas.errors import ConfigError
from handrail.schemas.outputs import Decision

P = ParamSpec("P")
T = TypeVar("T")

APPROVAL_TIMEOUT_S = 3600.0


class Agent(Reporter):
    """One execution of an agent in one conversation, for the length of an `async with` block.

    All agents of a process share one connection. Entering reports `execution.started`. Every method puts its event on
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
        Go into every event; `source` is `/agents/AGENT_ID` by default.
    customer : mapping, optional
        `{ref, tier?, locale?, contact?, account?}`, of `execution.started`.
    channel, goal : str, optional
        Of `execution.started`.
    timeout_s : float
        Seconds to wait for a decision, for an acknowledgement, for the connection.
    approval_timeout_s : float
        Seconds to wait for a person.
    gate : Gate, optional
        What lets tools run here (`Agent.tool`): each is claimed in its file before it runs, so that no decision is
        acted on twice, whatever is killed in between. Not asked where the agent is only observed.
    observe : bool
        Report everything, wait for nothing, be stopped by nothing: answers are `allowed` and their `decision` is None
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
        context = EventContext(
            agent_id, conversation, self.execution, source or f"/agents/{agent_id}", tenant, agent_version, traceparent
        )
        self._started = {"customer": customer and dict(customer), "channel": channel, "goal": goal}
        self.client = client or Client(bootstrap, timeout_s=timeout_s, security=security)
        enforcement: Enforcement
        if observe:
            enforcement = Observing(self.client, conversation, timeout_s, enter=client is None)
        else:
            enforcement = Enforcing(self.client, conversation, timeout_s, approval_timeout_s, enter=client is None)
        super().__init__(context, enforcement, timeout_s)
        self._proposer = Proposer(context, enforcement, gate, self._check_open)

    async def __aenter__(self) -> Self:
        if self._open:
            raise ConfigError("Agent: it is entered already: make one for each `async with`")
        started = self._context.event("execution.started", self._started)
        await self._enforcement.open()
        self._open = True
        try:
            await self._enforcement.publish(started)
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._finish()
        finally:
            self._open = False
            await self._enforcement.close()

    async def route(
        self,
        query: str,
        *,
        channel: str | None = None,
        locale: str | None = None,
        attributes: Mapping[str, Any] | None = None,
        customer: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Ask who may answer a query of the customer: `.route` is `ai`, `ai_supervised` or `human`.

        `attributes` are numbers and words that a policy can test. Raises NoDecision, SchemaError.
        """
        data = {
            "text": query,
            "channel": channel,
            "locale": locale,
            "attributes": attributes and dict(attributes),
            "customer": customer and dict(customer),
        }
        return await self._ask("query.received", "route", data)

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

        Report the outcome with `executed`. Where a person has to approve the call, this waits for that person.

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
        data = {"tool": tool, "arguments": dict(arguments), "effect": effect}
        return await self._proposer.permit(
            Proposal("action.proposed", "action", "action_id", action_id, data, wait_approval)
        )

    def admitted(self, permit: Permit, tool: str | None = None) -> Admission | nullcontext[None]:
        """Around the call of a permit: it goes through the agent's gate, where there is one. Raises GateRefused.

        `tool`: the name of what is called in the block, where that may differ from the tool of the permit.
        """
        if self.gate is None or (self.observe and permit.record is None):
            return nullcontext()
        return self.gate.admit(permit, permit.tool if tool is None else tool)

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
        data = {"text": text, "confidence": confidence, "citations": citations}
        permit = await self._proposer.permit(
            Proposal("response.proposed", RESPONSE, "response_id", response_id, data, wait_approval)
        )
        await self._publish("message.sent", {"role": "assistant", "text": text, "response_id": permit.action_id})
        return permit

    async def propose_llm(self, model: str | Mapping[str, Any], *, estimate: Mapping[str, int] | None = None) -> Answer:
        """Ask to call a language model; when this returns, limits and rules have nothing against it.

        `model` as for `llm`, which reports the call afterwards; `estimate` is `{input_tokens, output_tokens}`, as far
        as they are known before. No person approves such a call: what would need one is blocked. Raises Blocked,
        Halted, NoDecision, SchemaError.
        """
        fields = model_fields(model)
        data = {"model": fields, "estimate": None if estimate is None else dict(estimate)}
        answer = await self._ask("llm.proposed", "llm", data)
        if answer.decision is not None and not answer.allowed:
            raise refusal(answer.decision, f"{self.conversation}: a call of {fields.get('name')}")
        return answer

    async def decided(self, answer: Answer) -> Decision | None:
        """The decision of an answer; in observe mode waited for, and None where none came in time."""
        return await self._enforcement.decided(answer)

    async def returned(self, *, timeout_s: float | None = None) -> Handback | None:
        """Wait until a person is done with what was handed over: `outcome` is `returned` or `resolved`, with a `note`.

        After `returned` the AI may answer again: what is asked from then on is judged anew; not where `owner` is still
        `human`, since another handoff is open. After `resolved` the person keeps the conversation. None where nobody
        was done within `timeout_s` (default: `approval_timeout_s`), where no decision of this agent has named a
        handoff, and in observe mode. Approvals need no such wait: `propose` and `respond` return when they are given,
        the note is in the evidence of the release's reason. A handback between the decision that named the handoff and
        this call is not lost; each is returned once. Raises Unreachable.
        """
        self._check_open()
        return await self._enforcement.returned(timeout_s)

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
        allowed (a plain function in a thread), on a copy of what was judged; reports `action.executed`; and returns the
        function's result. One that is cancelled while it runs, or ends by a TimeoutError, is reported as `unknown`; a
        plain function goes on in its thread, and its outcome is reported when it ends. A TypeError for wrong arguments
        comes before anything is asked. Raises as `propose`; NotRecorded, with the result, where the tool ran and that
        could not be recorded. Raises ConfigError, here, for a function that yields: its body would run later.
        """
        if function is None:
            return lambda decorated: self.tool(decorated, name=name, effect=effect)
        return govern(self, function, name, effect)

    async def _ask(self, name: str, kind: Literal["route", "llm"], data: dict[str, Any]) -> Answer:
        self._check_open()
        return await self._enforcement.ask(Question(self._context.event(name, data), kind))
