"""The proxy's agent: one agent in one conversation, for as long as the session lasts."""

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from hashlib import sha256
from uuid import uuid4

from handrail.client import Agent, Gate, NeedsApproval, Permit, Unusable
from handrail.client.call import Effect
from handrail.client.reports import Outcome as ExecutionOutcome
from handrail.mcp.responses import Outcome
from handrail.mcp.settings import Settings
from handrail.mcp.tools import ToolRequest
from handrail.schemas.errors import HandrailError

GIVEN_UP_MAX = 64  # calls whose client stopped waiting for a person; as many as an Agent keeps
LEAVE_S_MAX = 5.0

Say = Callable[[str], None]


class ProxyAgent:
    """It connects when it is needed, and again where Kafka was away: until then every call is refused.

    Raises ConfigError where the gate's keys cannot be used, GateClosed where its claims cannot.
    """

    def __init__(self, settings: Settings, say: Say) -> None:
        self._settings, self._say = settings, say
        self._execution = f"{settings.conversation}/{uuid4().hex[:8]}"
        gate, keys = settings.gate, settings.keys
        self._gate = Gate(keys, gate) if gate is not None and keys is not None else None
        self._opening: asyncio.Task[Agent] | None = None
        self._given_up: dict[str, str] = {}

    def begin(self) -> None:
        """Connect, while the client and the server initialise."""
        self._opening = asyncio.create_task(self._open(), name="handrail mcp opening")
        self._opening.add_done_callback(self._on_opened)

    async def ask(
        self, request: ToolRequest, effect: Effect | None, waits: Callable[[NeedsApproval], None]
    ) -> Permit | None:
        """The permit to make the call; None where the agent is only observed and the proposal cannot be recorded.

        `waits` is called where a person has to approve it. A call whose client gave up waiting is the same call when
        it comes again, so that it gets the answer that a person gave meanwhile. Raises as `Agent.propose`.
        """
        try:
            return await self._propose(request, effect, waits)
        except HandrailError as error:
            if not self._settings.observe:
                raise
            self._say(f"{request.tool}: it is made and not recorded: {error}")
            return None

    def admitted(self, permit: Permit | None, tool: str) -> AbstractAsyncContextManager[object]:
        """Around the call of this tool: it goes through the gate, where there is one. Raises GateRefused."""
        if permit is None or self._opening is None:
            return nullcontext()
        return self._opening.result().admitted(permit, tool)

    async def record_outcome(self, permit: Permit | None, outcome: Outcome) -> None:
        """Record the outcome, or say on standard error that it is not recorded: the call has run all the same."""
        if permit is None or self._opening is None:
            return
        try:
            outcome_field = {"unknown" if outcome.unknown else "error": outcome.error}
            await self._opening.result().executed(permit, outcome.result, **outcome_field)
        except HandrailError as error:
            self._say(f"{permit.tool}: it was made, and that is not recorded: {error}")

    async def close(self, outcome: ExecutionOutcome, reason: str) -> None:
        """End the execution; what is not on the log after LEAVE_S_MAX is given up."""
        opening, self._opening = self._opening, None
        if opening is None:
            return
        if not opening.done():
            opening.cancel()
            await asyncio.wait([opening])
        if opening.cancelled() or opening.exception() is not None:
            return
        agent = opening.result()
        for work in (agent.ended(outcome, reason=reason), agent.__aexit__()):
            await self._bounded(work)

    async def _bounded(self, work: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(LEAVE_S_MAX):
                await work
        except TimeoutError:
            self._say(f"Kafka did not answer within {LEAVE_S_MAX:g} s at the end")
        except HandrailError as error:
            self._say(str(error))

    async def _propose(
        self, request: ToolRequest, effect: Effect | None, waits: Callable[[NeedsApproval], None]
    ) -> Permit:
        agent = await self._agent()
        key = _key(request)
        action_id = self._given_up.pop(key, None)
        if action_id is not None:
            try:
                return await self._propose_as(agent, request, effect, action_id, waits)
            except (Unusable, NeedsApproval) as error:
                if not _is_over(error):
                    raise
        return await self._propose_as(agent, request, effect, uuid4().hex, waits)

    async def _propose_as(
        self,
        agent: Agent,
        request: ToolRequest,
        effect: Effect | None,
        action_id: str,
        waits: Callable[[NeedsApproval], None],
    ) -> Permit:
        propose = functools.partial(agent.propose, request.tool, request.arguments, effect=effect, action_id=action_id)
        try:
            try:
                return await propose(wait_approval=False)
            except NeedsApproval as error:
                if _is_over(error):
                    raise
                waits(error)
            return await propose()
        except (NeedsApproval, asyncio.CancelledError):
            self._remember(_key(request), action_id)
            raise

    def _remember(self, key: str, action_id: str) -> None:
        if len(self._given_up) >= GIVEN_UP_MAX:
            del self._given_up[next(iter(self._given_up))]
        self._given_up[key] = action_id

    async def _agent(self) -> Agent:
        """The agent, connected. Raises Unreachable."""
        if self._opening is None or (self._opening.done() and self._opening.exception() is not None):
            self.begin()
        assert self._opening is not None
        return await asyncio.shield(self._opening)

    async def _open(self) -> Agent:
        settings = self._settings
        agent = Agent(
            settings.agent_id,
            conversation=settings.conversation,
            execution=self._execution,
            bootstrap=settings.bootstrap,
            tenant=settings.tenant,
            channel="mcp",
            timeout_s=settings.timeout_s,
            approval_timeout_s=settings.approval_timeout_s,
            gate=self._gate,
            observe=settings.observe,
        )
        return await agent.__aenter__()

    def _on_opened(self, opening: "asyncio.Task[Agent]") -> None:
        if not opening.cancelled() and (error := opening.exception()) is not None:
            self._say(f"calls are refused: {error}")


def _is_over(error: Unusable | NeedsApproval) -> bool:
    """Whether this action id is of no use any more: its answer was given, and its time has passed."""
    if isinstance(error, Unusable):
        return True
    return error.decision is not None and bool(error.decision.repeat) and error.decision.handoff_id is None


def _key(request: ToolRequest) -> str:
    """The same for the same call; a call that cannot be written as JSON gets a key of its own, and will be refused."""
    try:
        return sha256(json.dumps([request.tool, request.arguments], sort_keys=True).encode()).hexdigest()
    except (ValueError, RecursionError):
        return uuid4().hex
