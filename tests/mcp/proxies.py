"""`handrail mcp` in a process of its own, spoken to line by line."""

import json
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson

from handrail.schemas.topics import AGENT_EVENTS, HANDOFFS, PARTITIONS, RESOLUTIONS
from tests import forks
from tests.desk import resolution
from tests.topics import Wire, read

HERE = Path(__file__).parent
HANDRAIL_MCP = (sys.executable, "-m", "handrail", "mcp")
RAW_SERVER = (sys.executable, str(HERE / "raw_server.py"))
WAIT_S_MAX = 30.0


class Proxy:
    """A session with `tests/mcp/raw_server.py` behind the proxy."""

    def __init__(self, folder: Path, bootstrap: str, *options: str, status: int = 0) -> None:
        self._server, self._errors = folder / "server.log", folder / "errors.log"
        self._server.touch()
        command = ("handrail", "mcp", "--bootstrap", bootstrap, *options, "--")
        with self._errors.open("ab") as errors:
            self.process = forks.Popen(
                *command,
                *RAW_SERVER,
                str(self._server),
                str(status),
                stdin=forks.PIPE,
                stdout=forks.PIPE,
                stderr=errors,
            )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def say(self, *messages: Any) -> None:
        """Messages of the client; bytes go as they are, all else as JSON in a line."""
        assert self.process.stdin is not None
        for message in messages:
            self.process.stdin.write(message if isinstance(message, bytes) else json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def hear(self) -> bytes:
        """The next line for the client; empty when there are no more."""
        return self._lines.get(timeout=WAIT_S_MAX)

    def answer(self) -> Any:
        """The next line, as JSON."""
        return json.loads(self.hear())

    def ask(self, message: Any) -> Any:
        """A message, and the next line."""
        self.say(message)
        return self.answer()

    @property
    def got(self) -> list[bytes]:
        """The lines that the server got."""
        return self._server.read_bytes().splitlines(keepends=True)

    def wait(self, holds: Callable[[], object]) -> None:
        """Returns when it holds."""
        deadline = time.monotonic() + WAIT_S_MAX
        while not holds():
            assert time.monotonic() < deadline, self.stderr()
            time.sleep(0.02)

    def stderr(self) -> str:
        """What came on standard error, the server's part included."""
        return self._errors.read_text()

    def leave(self) -> int:
        """The client closes its pipe: the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(WAIT_S_MAX)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """The signal, and the exit status."""
        self.process.send_signal(number)
        return self.process.wait(WAIT_S_MAX)

    def end(self) -> None:
        """It is gone, however it stands."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(WAIT_S_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._listener.join(WAIT_S_MAX)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None and not pipe.closed:
                pipe.close()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")


@contextmanager
def proxy(folder: Path, bootstrap: str, *options: str, status: int = 0) -> Iterator[Proxy]:
    """A session, ended afterwards where the test has not ended it."""
    session = Proxy(folder, bootstrap, *options, status=status)
    try:
        yield session
    finally:
        session.end()


def call(request_id: Any, tool: str, **arguments: Any) -> dict[str, Any]:
    """The request that calls a tool."""
    return {
        "jsonrpc": "2.0",
        "id": request_id,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }


def ping(request_id: Any) -> dict[str, Any]:
    """A request that nobody governs."""
    return {"jsonrpc": "2.0", "id": request_id, "method": "ping"}


def without_id(message: dict[str, Any]) -> dict[str, Any]:
    """The same as a notification."""
    return {name: value for name, value in message.items() if name != "id"}


async def recorded(bootstrap: str, conversation: str, name: str | None = None) -> list[dict[str, Any]]:
    """The `data` of what was told of the conversation, in order; of events called `name` only."""
    records = await read(bootstrap, AGENT_EVENTS, PARTITIONS)
    events = [orjson.loads(record.value) for record in records if record.key == conversation.encode()]
    wanted = f"handrail.{name}.v1" if name else "handrail."
    agents = [event for event in events if not event["type"].startswith("handrail.control.")]
    return [{"type": event["type"], **event["data"]} for event in agents if event["type"].startswith(wanted)]


async def answer_handoff(bootstrap: str, conversation: str, outcome: str) -> dict[str, Any]:
    """A person answers the call that waits in the conversation, as soon as it does: the handoff."""
    async with Wire(bootstrap, HANDOFFS) as wire:
        while True:
            handoff: dict[str, Any] = orjson.loads((await wire.next()).value)["data"]
            if handoff["conversation_id"] == conversation and handoff.get("kind") == "approval":
                digest = handoff["pending"]["action_digest"]
                await wire.publish(resolution(handoff, outcome, action_digest=digest), RESOLUTIONS)
                return handoff
