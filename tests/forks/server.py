"""The parent of the forks: `python -m tests.forks.server SOCKET`, until its standard input ends.

A client connects to the Unix socket, sends one JSON object with the three files of the process beside it, and ends its
side; it gets back one line with the process id, and one with the exit status when the process has ended (minus the
signal's number where one killed it).
"""

import gc
import json
import os
import runpy
import selectors
import signal
import socket
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import FrameType

# What the processes of Handrail import, most of it only once they run.
PRELOADED = (
    "duckdb",
    "duckdb_extension_httpfs",
    "duckdb_extension_quack",
    "handrail.cli.desk",
    "handrail.cli.mcp",
    "handrail.desk.web.server",
    "handrail.doctor",
    "handrail.hooks",
    "handrail.policies",
    "handrail.streams.engine.worker",
    "handrail.streams.sink.sink",
    "handrail.supervisor.up",
    "rich.console",
    "rich.table",
)
FILES = 3  # standard input, output and error
REQUEST_BYTES_MAX = 1_000_000


class Request:
    """What a fork is to be: a program as `python -m` takes it, its arguments, environment and folder."""

    def __init__(self, raw: bytes, files: list[int]) -> None:
        asked = json.loads(raw)
        self.program: str = asked["program"]
        self.arguments: list[str] = asked["arguments"]
        self.environment: dict[str, str] = asked["environment"]
        self.folder: str = asked["folder"]
        self.files = files

    def become(self) -> None:
        """This process is the one that was asked for, up to its first line."""
        for number, file in enumerate(self.files):
            os.dup2(file, number)
            os.close(file)
        os.environ.clear()
        os.environ.update(self.environment)
        os.chdir(self.folder)
        sys.path[0] = self.folder
        sys.argv = [self.program, *self.arguments]


class Server:
    """Forks what it is asked for; `serve` returns in the forks alone, and ends this process otherwise."""

    def __init__(self, path: Path) -> None:
        self._selector = selectors.DefaultSelector()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen(64)
        self._woken, self._waking = socket.socketpair()
        self._waking.setblocking(False)
        self._woken.setblocking(False)
        self._running: dict[int, socket.socket] = {}

    def serve(self) -> Request:
        """The request that this process, a fork, has to become."""
        signal.signal(signal.SIGCHLD, _nothing)
        signal.set_wakeup_fd(self._waking.fileno())
        for found in (self._listening, self._woken, sys.stdin):
            self._selector.register(found, selectors.EVENT_READ)
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._listening:
                    request = self._take()
                    if request is not None:
                        return request
                elif key.fileobj is self._woken:
                    self._woken.recv(4096)
                    self._reap()
                else:
                    os._exit(0)  # whoever asked is gone

    def _take(self) -> Request | None:
        """In the fork: what it is to become."""
        client, _ = self._listening.accept()
        raw, files, *_ = socket.recv_fds(client, REQUEST_BYTES_MAX, FILES)
        while more := client.recv(REQUEST_BYTES_MAX):
            raw += more
        if not raw:
            client.close()  # it failed before it had asked
            return None
        request = Request(raw, files)
        pid = os.fork()
        if pid == 0:
            self._leave(client)
            return request
        for file in files:
            os.close(file)
        self._running[pid] = client
        client.sendall(b"%d\n" % pid)
        return None

    def _leave(self, client: socket.socket) -> None:
        """Nothing of the server is left in the fork."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for found in (self._listening, self._woken, self._waking, client, *self._running.values()):
            found.close()

    def _reap(self) -> None:
        while self._running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            client = self._running.pop(pid)
            with client, suppress(BrokenPipeError):  # nobody waits for it any more
                client.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _nothing(number: int, frame: FrameType | None) -> None:
    """A handler, so that the signal wakes `select`."""


def main() -> None:
    """Import, serve, and in a fork run the program."""
    path = Path(sys.argv[1])
    for name in PRELOADED:
        import_module(name)
    import duckdb

    duckdb.default_connection().close()  # which its import opens, with a thread
    threads = [(task / "comm").read_text() for task in Path("/proc/self/task").iterdir()]
    assert len(threads) == 1, f"a fork would lack threads that an import started: {threads}"
    gc.collect()
    gc.freeze()  # objects that are never looked at stay one copy for all
    server = Server(path)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    request = server.serve()
    gc.unfreeze()
    request.become()
    del server
    runpy.run_module(request.program, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
