"""Apache Kafka 4 (KRaft) on this machine from its Maven artifacts, for tests and benchmarks. Needs Java and Maven.

    python infra/kafka/cluster.py fetch                # the jars, into .cache/kafka of the checkout
    python infra/kafka/cluster.py run --nodes 1        # until Ctrl-C or SIGTERM; prints the address when ready

Nodes listen on free loopback ports, keep their data in a temporary folder that goes with them, and end with the
process that started them.
"""

import argparse
import base64
import shutil
import signal
import sys
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

from handrail.broker.ports import HOST, free_port
from handrail.schemas.errors import ConfigError
from infra.kafka.artifacts import VERSION, fetch
from infra.kafka.node import FORMAT_S_MAX, Node, Place

READY_S_MAX = 90
HEAP_MB = 512


class Cluster:
    """One or three nodes that are broker and controller at once, from `start` to `stop` or within a `with` block.

    Parameters
    ----------
    nodes : int
        1, or 3: then topics with three copies survive the loss of any node.
    heap_mb : int
        Java's largest heap for each node, in MB.
    short_lived : bool
        For tests: the nodes are up with half of the processor time, and slower under a load that goes on.

    Attributes
    ----------
    bootstrap : str
        The addresses of all nodes, with commas, once started.
    nodes : list of Node
        To stop, kill and start again one of them (`cluster.nodes[1].kill()`).
    """

    bootstrap: str
    java_options: tuple[str, ...] = ()
    format_options: tuple[str, ...] = ()

    def __init__(self, nodes: int = 1, heap_mb: int = HEAP_MB, *, short_lived: bool = False) -> None:
        if nodes not in (1, 3):
            raise ConfigError(f"Apache Kafka: {nodes} nodes: 1 or 3")
        self.nodes: list[Node] = []
        self._count, self._heap_mb, self._short_lived = nodes, heap_mb, short_lived
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def start(self) -> Self:
        """Return when every node lists all nodes in its metadata answer. Raises ConfigError where that fails."""
        libs = fetch()
        self._folder = tempfile.TemporaryDirectory(prefix="handrail-kafka-")
        places = _places(Path(self._folder.name), self._count)
        self.cluster_id = _cluster_id()
        self.nodes = [Node(place, libs, self._heap_mb, self._short_lived, self.java_options) for place in places]
        self.bootstrap = ",".join(f"{HOST}:{place.port}" for place in places)
        try:
            self._format(places)
            for node in self.nodes:
                node.start()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def wait_ready(self) -> None:
        """Return when every node lists all nodes, as after `start`, or after one of them was started again."""
        for node in self.nodes:
            _wait_ready(node, self.cluster_id, self._count)

    def rebuild(self, cluster_id: str | None = None) -> None:
        """Another cluster, of the same id if it is given, and as empty as a new one, is at the same addresses."""
        self.cluster_id = cluster_id or _cluster_id()
        for node in self.nodes:
            node.kill()
            shutil.rmtree(node.place.folder)
        self._format([node.place for node in self.nodes])
        for node in self.nodes:
            node.start()
        self.wait_ready()

    def stop(self) -> None:
        """Return when all nodes have ended and their data is gone."""
        nodes, self.nodes = self.nodes, []
        for node in nodes:
            node.kill()  # their data goes too, so there is nothing to end in good order
        if self._folder is not None:
            self._folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def settings(self, place: Place, places: list[Place]) -> dict[str, object]:
        """What a node is told in its properties."""
        return _settings(place, places)

    def _format(self, places: list[Place]) -> None:
        texts = [_properties(self.settings(place, places)) for place in places]
        pairs = zip(self.nodes, texts, strict=True)
        formats = [node.format(self.cluster_id, text, *self.format_options) for node, text in pairs]
        for node, process in zip(self.nodes, formats, strict=True):
            if process.wait(FORMAT_S_MAX):
                raise ConfigError(f"Apache Kafka: node {node.place.number}: not formatted: {node.last_words()}")


def _places(folder: Path, nodes: int) -> list[Place]:
    ports: set[int] = set()
    while len(ports) < 2 * nodes:
        ports.add(free_port())
    chosen = list(ports)
    return [Place(n, chosen[n], chosen[nodes + n], folder / str(n)) for n in range(nodes)]


def _cluster_id() -> str:
    """16 random bytes as Kafka writes them: URL-safe base64, unpadded; with a dash in front it were an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        continue
    return text


def _settings(place: Place, places: list[Place]) -> dict[str, object]:
    copies = len(places)
    return {
        "process.roles": "broker,controller",
        "node.id": place.number,
        "controller.quorum.voters": ",".join(f"{p.number}@{HOST}:{p.controller_port}" for p in places),
        "listeners": f"PLAINTEXT://{HOST}:{place.port},CONTROLLER://{HOST}:{place.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{place.port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": place.folder / "data",
        # A topic is made by who knows its settings, never by a client that happens to ask for it.
        "auto.create.topics.enable": "false",
        "default.replication.factor": copies,
        "min.insync.replicas": max(1, copies - 1),
        # Small: a test's groups join at once, and there are few of them.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "group.max.session.timeout.ms": 600_000,
        "offsets.topic.num.partitions": 4,
        "offsets.topic.replication.factor": copies,
        "transaction.state.log.num.partitions": 4,
        "transaction.state.log.replication.factor": copies,
        "transaction.state.log.min.isr": max(1, copies - 1),
    }


def _properties(settings: dict[str, object]) -> str:
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _wait_ready(node: Node, cluster_id: str, nodes: int) -> None:
    deadline = time.monotonic() + READY_S_MAX
    while not node.knows(cluster_id, nodes):
        if time.monotonic() > deadline:
            raise ConfigError(
                f"Apache Kafka: node {node.place.number}: not ready within {READY_S_MAX} s: {node.last_words()}"
            )
        time.sleep(0.05)


def _run(nodes: int, heap_mb: int) -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    try:
        with Cluster(nodes, heap_mb) as cluster:
            took = time.monotonic() - started
            pids = " ".join(str(node.pid) for node in cluster.nodes)
            print(f"ready {cluster.bootstrap} (Apache Kafka {VERSION}, {took:.1f} s, pids {pids})", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        return


def main(words: list[str] | None = None) -> int:
    """The command line; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("fetch", help="fetch the jars")
    run = commands.add_parser("run", help="run a cluster until Ctrl-C or SIGTERM")
    run.add_argument("--nodes", type=int, choices=(1, 3), default=1)
    run.add_argument("--heap-mb", type=int, default=HEAP_MB)
    chosen = parser.parse_args(words)
    try:
        if chosen.command == "fetch":
            print(fetch())
        else:
            _run(chosen.nodes, chosen.heap_mb)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
