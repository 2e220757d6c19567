"""The embedded broker: a Tansu process on a loopback port, all in memory, gone when it stops."""

import secrets
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Self

from handrail.broker import binary, metadata
from handrail.broker.kill_with_parent import kill_with_parent, release
from handrail.broker.ports import HOST, free_port
from handrail.schemas.errors import ConfigError

READY_S_MAX = 20.0
ANSWER_S_MAX = 0.5  # of one request; whatever listens on a taken port may never answer
STOP_S_MAX = 5.0
PORTS_TRIED_MAX = 5


class PortTaken(ConfigError):
    """Another program listens on the port."""


class EmbeddedBroker:
    """A Kafka broker for one machine, from `start` to `stop` or within a `with` block.

    It listens on loopback only and forgets everything when it stops, so each start has a new `cluster_id`. It ends
    with the process that started it, even if that is killed; a Ctrl-C at the terminal does not reach it.

    Parameters
    ----------
    port : int, optional
        The port to listen on; without it a free one is chosen.

    Attributes
    ----------
    bootstrap : str
        `127.0.0.1:PORT`, once started.
    cluster_id : str
        What its metadata answers say, once started.
    pid : int
        Its process, once started.
    """

    bootstrap: str
    cluster_id: str
    pid: int

    def __init__(self, port: int | None = None) -> None:
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Return when the broker has answered a metadata request as the cluster it was started as.

        Raises
        ------
        ConfigError
            It is not installed, there is none for this platform, the port is taken, or it did not come up.
        """
        if self._process is not None:
            raise RuntimeError("the embedded broker was started twice")
        program = str(binary.find())
        if self._port is not None:
            return self._start_on(program, self._port)
        for _ in range(PORTS_TRIED_MAX):
            try:
                return self._start_on(program, free_port())
            except PortTaken:
                continue  # somebody was faster
        raise ConfigError(f"embedded broker: {PORTS_TRIED_MAX} ports on {HOST} were taken as soon as chosen: try again")

    def stop(self) -> None:
        """Return when the process is gone; its records are too. Does nothing where nothing runs."""
        process, self._process = self._process, None
        if process is None:
            return
        if self._watcher is not None:
            release(self._watcher)
            self._watcher = None
        process.terminate()
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._output.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_on(self, program: str, port: int) -> Self:
        self.bootstrap, self.cluster_id = f"{HOST}:{port}", f"embedded-{secrets.token_hex(8)}"
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (closed by stop)
        self._process = subprocess.Popen(
            _command(program, port, self.cluster_id),
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            env={"NO_COLOR": "1"},  # it takes settings from the environment, and none of ours are meant for it
            start_new_session=True,  # a Ctrl-C is for us: workers drain before their broker goes
        )
        self.pid = self._process.pid
        try:
            self._watcher = kill_with_parent(self.pid)
            self._wait_ready(self._process, port)
        except BaseException:
            self.stop()
            raise
        return self

    def _wait_ready(self, process: subprocess.Popen[bytes], port: int) -> None:
        deadline = time.monotonic() + READY_S_MAX
        while time.monotonic() < deadline:
            try:
                answered = metadata.ask(HOST, port, ANSWER_S_MAX).cluster_id
            except OSError:
                answered = None
            if answered == self.cluster_id:
                return
            if answered is not None:
                raise self._taken()
            if process.poll() is not None:
                raise self._ended(process.returncode)
            time.sleep(0.005)
        raise ConfigError(f"embedded broker: {self.bootstrap}: no metadata answer within {READY_S_MAX:g} s: try again")

    def _ended(self, status: int) -> ConfigError:
        self._output.seek(0)
        output = self._output.read().decode(errors="replace")
        if "AddrInUse" in output:
            return self._taken()
        first = next((line for line in output.splitlines() if line.strip()), "it said nothing")
        return ConfigError(f"embedded broker: {self.bootstrap}: ended at its start with status {status}: {first}")

    def _taken(self) -> PortTaken:
        return PortTaken(
            f"embedded broker: {self.bootstrap}: the port is taken: stop what listens there, or choose another"
        )


def _command(program: str, port: int, cluster_id: str) -> list[str]:
    url = f"tcp://{HOST}:{port}"
    options = {
        "--cluster-id": cluster_id,
        "--listener-url": url,
        "--advertised-listener-url": url,
        "--storage-engine": "memory://tansu/",
    }
    return [program, "broker", *(word for option in options.items() for word in option), "--silent"]
