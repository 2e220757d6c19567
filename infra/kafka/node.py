"""One combined node (broker and controller) of a KRaft cluster."""

import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from handrail.broker import metadata
from handrail.broker.kill_with_parent import kill_with_parent, release
from handrail.broker.ports import HOST
from handrail.schemas.errors import ConfigError

FORMAT_S_MAX = 60
# A process that lives for minutes: its code is translated once, simply, which takes half of the processor time.
SHORT_LIVED = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
LONG_LIVED = ("-XX:+UseG1GC",)
STOP_S_MAX = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node listens and keeps its things."""

    number: int
    port: int
    controller_port: int
    folder: Path


class Node:
    """One node, that can be started, stopped, killed and started again on the same data."""

    def __init__(
        self, place: Place, libs: Path, heap_mb: int, short_lived: bool, options: tuple[str, ...] = ()
    ) -> None:
        """`options`: Java's, of the running node."""
        self.place, self._libs, self._heap_mb, self._short_lived = place, libs, heap_mb, short_lived
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None
        self._leash: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process of the running node."""
        if self._process is None:
            raise RuntimeError(f"node {self.place.number} is not running")
        return self._process.pid

    def format(self, cluster_id: str, properties: str, *more: str) -> subprocess.Popen[bytes]:
        """Begin to format the node's folder for that cluster; the caller waits for the process.

        `more`: words of `kafka-storage format` beside those.
        """
        self.place.folder.mkdir(parents=True)
        self._config.write_text(properties)
        words = ("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self._config))
        return self._java(128, SHORT_LIVED, *words, *more)

    def start(self) -> None:
        """Start the process; it is ready once `knows` says so."""
        if self._process is not None:
            raise RuntimeError(f"node {self.place.number} is already running")
        options = SHORT_LIVED if self._short_lived else LONG_LIVED
        self._process = self._java(self._heap_mb, (*options, *self._options), "kafka.Kafka", str(self._config))
        self._leash = kill_with_parent(self._process.pid)

    def knows(self, cluster_id: str, nodes: int) -> bool:
        """Whether the node answers as that cluster, lists itself at its own port, and so many nodes in all."""
        if self._process is not None and self._process.poll() is not None:
            raise ConfigError(f"Apache Kafka: node {self.place.number} ended: {self.last_words()}")
        try:
            answer = metadata.ask(HOST, self.place.port)
        except OSError:
            return False
        listed = answer.brokers.get(self.place.number) == self.place.port
        return answer.cluster_id == cluster_id and listed and len(answer.brokers) >= nodes

    def stop(self) -> None:
        """Return when the node has ended; it hands its partitions over first. Does nothing where nothing runs."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Return when the node has ended without a chance to do anything (`kill -9`)."""
        self._end(signal.SIGKILL)

    def last_words(self) -> str:
        """The first error in the node's log, on one line."""
        log = self._log.read_text(errors="replace") if self._log.is_file() else ""
        lines = [line.strip() for line in log.splitlines() if line.strip()]
        return next((line for line in lines if "ERROR" in line or "rror:" in line), (lines or ["it said nothing"])[-1])

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if self._leash is not None:
            release(self._leash)
        process.send_signal(how)
        try:
            process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @property
    def _config(self) -> Path:
        return self.place.folder / "node.properties"

    @property
    def _log(self) -> Path:
        return self.place.folder / "node.log"

    def _java(self, heap_mb: int, options: Sequence[str], *words: str) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                ["java", f"-Xmx{heap_mb}m", *options, "-cp", f"{self._libs}/*", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.place.folder,
                start_new_session=True,  # a Ctrl-C is for the cluster, which ends its nodes
            )
