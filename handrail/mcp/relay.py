"""The relay: it passes every message on as it came, except calls of tools and their answers."""

from handrail.mcp.calls import Calls
from handrail.mcp.messages import INVALID, Malformed, Message, as_response, parse_client_line, parse_server_line
from handrail.mcp.proxy_agent import Say
from handrail.mcp.requests import Batch, PendingRequest, ToolsCall, join_array
from handrail.mcp.responses import malformed_response
from handrail.mcp.server import Server
from handrail.mcp.stdio import END, MESSAGE_BYTES_MAX, Line, StdoutWriter
from handrail.mcp.tools import ToolHints, parse_tool_call

CANCELLED = "notifications/cancelled"
LIST = "tools/list"


class Relay:
    """The two directions of one session. Messages of the client are handled one after the other, in their order."""

    def __init__(self, client: StdoutWriter, server: Server, calls: Calls, tools: ToolHints, say: Say) -> None:
        self._client, self._server, self._calls, self._tools, self._say = client, server, calls, tools, say
        self._requests = calls.requests

    async def from_client(self, line: Line) -> None:
        """Raises ServerEnded, and OSError where the client reads nothing any more."""
        if line.complete and line.blank:
            await self._server.write(line.raw)
            return
        try:
            if not line.complete:
                if line.last:
                    raise Malformed(INVALID, f"a message of more than {MESSAGE_BYTES_MAX} bytes")
                return
            line_messages = parse_client_line(line.raw)
        except Malformed as error:
            await self._reply_malformed(error, None)
            return
        if line_messages.batch:
            await self._batch(line.raw, line_messages.parts)
        else:
            await self._forward(line_messages.parts[0], None)

    async def from_server(self, line: Line) -> None:
        """Raises OSError where the client reads nothing any more."""
        parsed = parse_server_line(line.raw) if line.complete else None
        if parsed is None:
            await (self._client.write(line.raw) if line.complete else self._client.piece(line))
            return
        raws = parsed.raws if parsed.is_array else (line.raw,)
        rest = [
            raw for raw, value in zip(raws, parsed.values, strict=True) if not await self._take_response(raw, value)
        ]
        if len(rest) == len(raws):
            await self._client.write(line.raw)
        elif rest:
            await self._client.write(join_array(rest))

    async def _batch(self, raw: bytes, parts: tuple[Message | Malformed, ...]) -> None:
        """A batch without calls and cancellations is passed on as it came; of another, each part by itself."""
        messages = [part for part in parts if isinstance(part, Message)]
        if len(messages) == len(parts) and self._passes(messages):
            for message in messages:
                self._register(message, None)
            await self._server.write(raw)
            return
        left = sum(1 for part in parts if isinstance(part, Malformed) or part.is_request)
        batch = Batch(left, self._client.write)
        for part in parts:
            await self._forward(part, batch)

    def _passes(self, messages: list[Message]) -> bool:
        ids = [str(message.id) for message in messages if message.is_request]
        free = len(set(ids)) == len(ids) and not any(self._requests.get(request_id) for request_id in ids)
        return free and not any(message.is_call or message.method == CANCELLED for message in messages)

    async def _forward(self, part: Message | Malformed, batch: Batch | None) -> None:
        try:
            if isinstance(part, Malformed):
                raise part
            if part.is_call:
                self._call(part, batch)
            elif part.method != CANCELLED or await self._forward_cancellation(part):
                self._register(part, batch)
                await self._server.write(part.raw if part.raw.endswith(END) else part.raw + END)
        except Malformed as error:
            wanted = isinstance(part, Malformed) or part.is_request
            await self._reply_malformed(error, batch, wanted=wanted)

    def _call(self, message: Message, batch: Batch | None) -> None:
        call = ToolsCall(message, parse_tool_call(message), batch if message.is_request else None)
        self._register(message, batch, call)
        try:
            self._calls.begin(call)
        except Malformed:
            self._requests.close(message.id)
            raise

    def _register(self, message: Message, batch: Batch | None, call: ToolsCall | None = None) -> None:
        if message.method is not None and message.id is not None:
            self._requests.open(message.id, PendingRequest(message.method, batch, call))

    async def _forward_cancellation(self, message: Message) -> bool:
        """Whether the cancellation has to reach the server."""
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
            self._requests.open(request_id, PendingRequest(pending.method))
            await pending.batch.drop()
        return True

    async def _take_response(self, raw: bytes, value: object) -> bool:
        """Whether the message is a response that reaches the client in another way."""
        answer = as_response(raw, value)
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

    async def _reply_malformed(self, error: Malformed, batch: Batch | None, *, wanted: bool = True) -> None:
        self._say(f"a message of the client is not passed on: {error.reason}")
        if not wanted:
            return
        raw = malformed_response(error)
        await (batch.add(raw) if batch is not None else self._client.write(raw + END))
