"""Who gets which message: everything is passed on as it came, but for calls of tools and their answers."""

from handrail.mcp import answers
from handrail.mcp.asked import tool_call_of
from handrail.mcp.batch import Batch, array
from handrail.mcp.call import ToolsCall
from handrail.mcp.calls import Calls
from handrail.mcp.framing import END, MESSAGE_BYTES_MAX, Line
from handrail.mcp.governor import Say
from handrail.mcp.message import INVALID, Malformed, Message, parse_line
from handrail.mcp.pipes import Outlet
from handrail.mcp.requests import Pending
from handrail.mcp.server import Server
from handrail.mcp.server_messages import answer_of, parse
from handrail.mcp.tools import Tools

CANCELLED = "notifications/cancelled"
LIST = "tools/list"


class Relay:
    """The two directions of one session. Messages of the client are taken one after the other, in their order."""

    def __init__(self, client: Outlet, server: Server, calls: Calls, tools: Tools, say: Say) -> None:
        self._client, self._server, self._calls, self._tools, self._say = client, server, calls, tools, say
        self._requests = calls.requests

    async def from_client(self, line: Line) -> None:
        """Raises ServerEnded, and OSError where the client reads nothing any more."""
        if line.whole and line.blank:
            await self._server.write(line.raw)
            return
        try:
            if not line.whole:
                if line.last:
                    raise Malformed(INVALID, f"a message of more than {MESSAGE_BYTES_MAX} bytes")
                return
            found = parse_line(line.raw)
        except Malformed as error:
            await self._answer(error, None)
            return
        if found.batch:
            await self._batch(line.raw, found.parts)
        else:
            await self._part(found.parts[0], None)

    async def from_server(self, line: Line) -> None:
        """Raises OSError where the client reads nothing any more."""
        found = parse(line.raw) if line.whole else None
        if found is None:
            await (self._client.write(line.raw) if line.whole else self._client.piece(line))
            return
        raws = found.raws if found.array else (line.raw,)
        rest = [raw for raw, value in zip(raws, found.values, strict=True) if not await self._taken(raw, value)]
        if len(rest) == len(raws):
            await self._client.write(line.raw)
        elif rest:
            await self._client.write(array(rest))

    async def _batch(self, raw: bytes, parts: tuple[Message | Malformed, ...]) -> None:
        """A batch in which nothing is ours to decide goes on as it came; of another, each part by itself."""
        messages = [part for part in parts if isinstance(part, Message)]
        if len(messages) == len(parts) and self._passes(messages):
            for message in messages:
                self._open(message, None)
            await self._server.write(raw)
            return
        left = sum(1 for part in parts if isinstance(part, Malformed) or part.is_request)
        batch = Batch(left, self._client.write)
        for part in parts:
            await self._part(part, batch)

    def _passes(self, messages: list[Message]) -> bool:
        ids = [str(message.id) for message in messages if message.is_request]
        free = len(set(ids)) == len(ids) and not any(self._requests.get(one) for one in ids)
        return free and not any(message.is_call or message.method == CANCELLED for message in messages)

    async def _part(self, part: Message | Malformed, batch: Batch | None) -> None:
        try:
            if isinstance(part, Malformed):
                raise part
            if part.is_call:
                self._call(part, batch)
            elif part.method != CANCELLED or await self._cancelled(part):
                self._open(part, batch)
                await self._server.write(part.raw if part.raw.endswith(END) else part.raw + END)
        except Malformed as error:
            wanted = isinstance(part, Malformed) or part.is_request
            await self._answer(error, batch, wanted=wanted)

    def _call(self, message: Message, batch: Batch | None) -> None:
        call = ToolsCall(message, tool_call_of(message), batch if message.is_request else None)
        self._open(message, batch, call)
        try:
            self._calls.begin(call)
        except Malformed:
            self._requests.close(message.id)
            raise

    def _open(self, message: Message, batch: Batch | None, call: ToolsCall | None = None) -> None:
        if message.method is not None and message.id is not None:
            self._requests.open(message.id, Pending(message.method, batch, call))

    async def _cancelled(self, message: Message) -> bool:
        """Whether the server has to hear of it."""
        params = message.value.get("params")
        request_id = params.get("requestId") if isinstance(params, dict) else None
        pending = self._requests.get(request_id)
        if pending is None or request_id is None:
            return True
        if pending.call is not None:
            await self._calls.cancel(pending.call)
            return pending.call.sent
        if pending.batch is not None:
            self._requests.close(request_id)
            self._requests.open(request_id, Pending(pending.method))
            await pending.batch.drop()
        return True

    async def _taken(self, raw: bytes, value: object) -> bool:
        """Whether the message is an answer that goes to the client by another way."""
        answer = answer_of(raw, value)
        pending = None if answer is None else self._requests.close(answer.id)
        if answer is None or pending is None:
            return False
        if pending.method == LIST:
            self._tools.learn(answer.value.get("result"))
        if pending.call is not None:
            pending.call.answered(answer)
        elif pending.batch is not None:
            await pending.batch.add(raw.strip())
        return pending.call is not None or pending.batch is not None

    async def _answer(self, error: Malformed, batch: Batch | None, *, wanted: bool = True) -> None:
        self._say(f"a message of the client is not passed on: {error.reason}")
        if not wanted:
            return
        raw = answers.malformed(error)
        await (batch.add(raw) if batch is not None else self._client.write(raw + END))
