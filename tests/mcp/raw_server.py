"""An MCP server without a library, so that tests see each byte: what it gets goes to the file that it is given.

Tools do what their name says; `arguments` are ignored but where stated.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, BinaryIO

TOOLS = [
    {"name": "get_order", "annotations": {"readOnlyHint": True}, "inputSchema": {"type": "object"}},
    {"name": "unheard_of", "annotations": {"readOnlyHint": False}, "inputSchema": {"type": "object"}},
    {
        "name": "shaped",
        "inputSchema": {"type": "object"},
        "outputSchema": {"type": "object", "required": ["total"], "properties": {"total": {"type": "integer"}}},
    },
]


class RawServer:
    """Answers messages one after the other."""

    def __init__(self, log: BinaryIO, status: int) -> None:
        self._log, self._status = log, status
        self._asked: Any = None

    def run(self) -> int:
        """Until its input ends."""
        for line in sys.stdin.buffer:
            self._log.write(line)
            self._log.flush()
            self._line(json.loads(line)) if line.strip() else None
        return self._status

    def _line(self, message: Any) -> None:
        if isinstance(message, list):
            answers = [answer for part in message if (answer := self._answer(part)) is not None]
            write(answers) if answers else None
        elif (answer := self._answer(message)) is not None:
            write(answer)

    def _answer(self, message: dict[str, Any]) -> dict[str, Any] | None:
        method, request_id = message.get("method"), message.get("id")
        if method is None:  # what the client says to our own request
            return result(self._asked, text(json.dumps(message["result"])))
        if request_id is None:
            return None
        if method == "tools/list":
            return result(request_id, {"tools": TOOLS})
        if method == "tools/call":
            return self._call(request_id, message["params"])
        return result(request_id, {"method": method})

    def _call(self, request_id: Any, params: dict[str, Any]) -> dict[str, Any] | None:
        arguments = params.get("arguments") or {}
        beside(params)
        match params["name"]:
            case "get_order":
                return result(request_id, {"content": [], "structuredContent": {"total": 900}})
            case "crash":
                os._exit(7)
            case "silent":
                return None
            case "say_error":
                return result(request_id, {**text("no such order"), "isError": True})
            case "protocol_error":
                return {"jsonrpc": "2.0", "id": request_id, "error": {"code": -32602, "message": "Unknown tool"}}
            case "ask_client":
                self._asked = request_id
                return {"jsonrpc": "2.0", "id": request_id, "method": "sampling/createMessage", "params": {}}
            case "more_input" if "inputResponses" not in params:
                return result(request_id, {"resultType": "input_required", "requestState": "s"})
            case "array":
                write([result(request_id, text("in an array")), {"jsonrpc": "2.0", "method": "notifications/x"}])
                return None
            case "big":
                return result(request_id, text("x" * int(arguments["bytes"])))
            case "close_output":
                sys.stdout.flush()
                os.close(1)
                os.read(0, 1)
        return result(request_id, text(f"done {params['name']}"))


def beside(params: dict[str, Any]) -> None:
    """What some tools write before they answer."""
    if params["name"] == "progress":
        progress = {"progressToken": params["_meta"]["progressToken"], "progress": 1}
        write({"jsonrpc": "2.0", "method": "notifications/progress", "params": progress})
    elif params["name"] == "junk":
        sys.stdout.buffer.write(b'  not json {"id": 1}\r\n')


def text(value: str) -> dict[str, Any]:
    """A result with one text."""
    return {"content": [{"type": "text", "text": value}]}


def result(request_id: Any, value: dict[str, Any]) -> dict[str, Any]:
    """A response."""
    return {"jsonrpc": "2.0", "id": request_id, "result": value}


def write(value: Any) -> None:
    """One line, with the spaces that json puts, so that a proxy that writes it anew is found out."""
    sys.stdout.buffer.write(json.dumps(value).encode() + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Python's own handler misses one that comes just before it reads
    print("raw server: started", file=sys.stderr, flush=True)
    with Path(sys.argv[1]).open("ab") as log:
        sys.exit(RawServer(log, int(sys.argv[2]) if len(sys.argv) > 2 else 0).run())
