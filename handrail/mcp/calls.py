"""The calls of a session: each is proposed, made where that is allowed, and its outcome is recorded."""

import asyncio
from collections.abc import Awaitable, Callable

from handrail.client import Halted, NeedsApproval, Permit
from handrail.client.running import Unfinished
from handrail.mcp.messages import INVALID, Malformed, ServerResponse
from handrail.mcp.proxy_agent import ProxyAgent, Say
from handrail.mcp.requests import NotAnswered, PendingRequests, ToolsCall
from handrail.mcp.responses import NOT_ANSWERED, Outcome, outcome_of, refusal_response
from handrail.mcp.server import ServerEnded
from handrail.mcp.stdio import END
from handrail.mcp.tools import ToolHints
from handrail.schemas.errors import HandrailError

CALLS_MAX = 256
HELD_BYTES_MAX = 50_000_000
CANCELLED_S = 5.0
ENDED = "the server ended before it answered"

Write = Callable[[bytes], Awaitable[None]]


class Calls:
    """Each call runs in its own task, so that a call that waits for a person delays no other message.

    `abort` is called where a task is broken; the error is in `broken` then.
    """

    def __init__(
        self, agent: ProxyAgent, tools: ToolHints, server: Write, client: Write, say: Say, abort: Callable[[], None]
    ) -> None:
        self._agent, self._tools, self._say, self._abort = agent, tools, say, abort
        self._server, self._client = server, client
        self._calls: set[ToolsCall] = set()
        self._client_left = False
        self.requests = PendingRequests()
        self.halted = False
        self.broken: BaseException | None = None

    def begin(self, call: ToolsCall) -> None:
        """Propose the call. Raises Malformed where too many are under way, or hold too much."""
        held_bytes = sum(len(other.raw) for other in self._calls)
        if len(self._calls) >= CALLS_MAX or held_bytes + len(call.raw) > HELD_BYTES_MAX:
            raise Malformed(INVALID, f"{len(self._calls)} calls are under way already: wait for some of them", call.id)
        self._calls.add(call)
        call.task = asyncio.create_task(self._run(call), name=f"handrail mcp {call.request.tool[:50]}")
        call.task.add_done_callback(self._on_done)

    async def cancel(self, call: ToolsCall) -> None:
        """The client wants no answer any more. A call that was not sent is not made."""
        if not call.sent and call.task is not None:
            self.requests.not_made(call)
            call.task.cancel()
        else:
            why = "the client cancelled it, and the server did not answer"
            asyncio.get_running_loop().call_later(CANCELLED_S, call.lost, why)
        await self._drop_from_batch(call)

    async def client_left(self) -> None:
        """The client has left: calls that wait for a person are not made, calls that are being decided are."""
        self._client_left = True
        for call in [call for call in self._calls if call.waits and not call.sent]:
            await self.cancel(call)
        while undecided := [call for call in self._calls if not call.settled.is_set()]:
            await undecided[0].settled.wait()

    async def end(self, seconds_max: float) -> None:
        """The server has ended: calls that it has and did not answer are recorded as `unknown`."""
        for call in self._calls:
            if call.sent:
                call.lost(ENDED)
            elif call.task is not None:
                call.task.cancel()
        tasks = [call.task for call in self._calls if call.task is not None]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds_max)
            for task in late:
                task.cancel()

    async def _run(self, call: ToolsCall) -> None:
        try:
            await self._reply(call, await self._answer_for(call))
        except asyncio.CancelledError:
            await self._drop_from_batch(call)
            raise
        except OSError:
            self._say(f"{call.request.tool}: the client reads no answers any more")
        finally:
            call.forget()
            self._calls.discard(call)

    async def _answer_for(self, call: ToolsCall) -> ServerResponse | None:
        """The response for the client: the server's, or why the call was not made."""
        try:
            return await self._make(call)
        except HandrailError as error:
            return self._refused(call, error)

    async def _make(self, call: ToolsCall) -> ServerResponse | None:
        """The server's response, after its outcome is recorded. Raises HandrailError where the call was not made."""
        permit = await self._agent.ask(call.request, self._tools.effect(call.request.tool), self._on_waiting(call))
        call.waits = False
        try:
            async with self._agent.admitted(permit, call.request.tool):
                outcome, answer = await self._send(call, permit)
        except (_Failed, _Unknown) as failed:
            outcome, answer = failed.outcome, failed.answer
        await self._agent.record_outcome(permit, outcome)
        return answer

    async def _send(self, call: ToolsCall, permit: Permit | None) -> tuple[Outcome, ServerResponse | None]:
        """Send the call. Raises _Failed and _Unknown, so that a gate around it notes the outcome."""
        if permit is not None:
            permit.check()
        raw = call.raw if call.raw.endswith(END) else call.raw + END
        call.begin()
        answer = None
        try:
            await self._server(raw)
            if call.id is None:
                outcome = Outcome(None, NOT_ANSWERED, unknown=True)
            else:
                answer = await call.answer()
                outcome = outcome_of(answer)
        except ServerEnded:
            outcome = Outcome(None, ENDED, unknown=True)
        except NotAnswered as error:
            outcome = Outcome(None, str(error), unknown=True)
        if outcome.unknown:
            raise _Unknown(outcome, answer)
        if outcome.error is not None:
            raise _Failed(outcome, answer)
        return outcome, answer

    def _on_waiting(self, call: ToolsCall) -> Callable[[NeedsApproval], None]:
        def waits(error: NeedsApproval) -> None:
            call.waits = True
            if self._client_left:
                raise error
            self._say(f"{error} (handoff {error.decision and error.decision.handoff_id})")

        return waits

    def _refused(self, call: ToolsCall, error: HandrailError) -> ServerResponse | None:
        self._say(f"{call.request.tool}: not made: {error}")
        self.requests.not_made(call)
        self.halted = self.halted or isinstance(error, Halted)
        if call.id is None:
            return None
        request = call.request
        raw = refusal_response(call.id, error, shaped=self._tools.is_shaped(request.tool), typed=request.typed)
        return ServerResponse(raw, {})

    async def _reply(self, call: ToolsCall, answer: ServerResponse | None) -> None:
        if call.batch is None:
            if answer is not None:
                await self._client(answer.raw if answer.raw.endswith(END) else answer.raw + END)
        elif answer is None:
            await self._drop_from_batch(call)
        else:
            batch, call.batch = call.batch, None
            await batch.add(answer.raw.strip())

    def _on_done(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.broken = error
            self._abort()

    async def _drop_from_batch(self, call: ToolsCall) -> None:
        """Its batch waits for the call no longer."""
        if call.batch is not None and call.id is not None:
            batch, call.batch = call.batch, None
            await batch.drop()


class _Failed(Exception):
    def __init__(self, outcome: Outcome, answer: ServerResponse | None) -> None:
        self.outcome, self.answer = outcome, answer
        super().__init__(outcome.error)


class _Unknown(Unfinished):
    def __init__(self, outcome: Outcome, answer: ServerResponse | None) -> None:
        self.outcome, self.answer = outcome, answer
        super().__init__(outcome.error)
