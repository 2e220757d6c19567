"""What docker-compose.yml says of Kafka, worker and sink, run without Docker: the same settings, other addresses."""

import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from handrail.broker.ports import HOST, free_port
from handrail.cli import main
from handrail.schemas.topics import DECISIONS
from handrail.streams.keys import read_key
from infra.kafka.node import FORMAT_S_MAX, Node, Place
from tests.infra import ROOT, asked
from tests.log import Log
from tests.processes import HandrailProcess
from tests.topics import Wire, data

SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
READY_S_MAX = 60


def properties(environment: Mapping[str, object], place: Place, outside: int) -> str:
    """As the image makes them of KAFKA_*, with this machine's addresses and folder."""
    here = {
        "kafka:19092": f"{HOST}:{place.port}",
        "kafka:29093": f"{HOST}:{place.controller_port}",
        ":19092": f"{HOST}:{place.port}",
        ":29093": f"{HOST}:{place.controller_port}",
        f"{HOST}:9092": f"{HOST}:{outside}",
        ":9092": f"{HOST}:{outside}",
        "/var/lib/kafka/data": str(place.folder / "data"),
    }
    lines = []
    for name, value in environment.items():
        text = str(value)
        for there, other in here.items():
            text = text.replace(f"//{there}", f"//{other}").replace(f"@{there}", f"@{other}")
        text = here.get(text, text)
        if name.startswith("KAFKA_") and name != "KAFKA_HEAP_OPTS":
            lines.append(f"{name.removeprefix('KAFKA_').lower().replace('_', '.')}={text}")
    return "\n".join(lines)


@pytest.fixture
def kafka(kafka_libs: Path, tmp_path: Path) -> Iterator[str]:
    """The address inside the network."""
    environment = SERVICES["kafka"]["environment"]
    place = Place(environment["KAFKA_NODE_ID"], free_port(), free_port(), tmp_path / "kafka")
    node = Node(place, kafka_libs, heap_mb=512, short_lived=True)
    formatted = node.format(environment["CLUSTER_ID"], properties(environment, place, free_port()))
    assert formatted.wait(FORMAT_S_MAX) == 0, node.last_words()
    node.start()
    try:
        deadline = time.monotonic() + READY_S_MAX
        while not node.knows(environment["CLUSTER_ID"], 1):
            assert time.monotonic() < deadline, node.last_words()
            time.sleep(0.2)
        yield f"{HOST}:{place.port}"
    finally:
        node.kill()


def started(name: str, bootstrap: str, port: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> HandrailProcess:
    """The service with its own command and environment."""
    here = {"kafka:19092": bootstrap, "0.0.0.0:9464": f"{HOST}:{port}"}
    for variable, value in SERVICES[name]["environment"].items():
        monkeypatch.setenv(variable, here[value])
    return HandrailProcess(folder / f"{name}.log", *words(name, folder))


def words(name: str, folder: Path) -> list[str]:
    """The service's command, with this machine's folders."""
    there = {
        "/policies": str(ROOT / "handrail" / "policies" / "packs"),
        "/data": str(folder / "data"),
        "/keys": str(folder / "keys"),
    }
    return [
        next((here + word.removeprefix(path) for path, here in there.items() if word.startswith(path)), word)
        for word in SERVICES[name]["command"]
    ]


def healthcheck(name: str, port: int) -> int:
    """The exit status of the service's own check."""
    program = SERVICES[name]["healthcheck"]["test"][-1].replace(":9464", f":{port}")
    return subprocess.run([sys.executable, "-c", program], capture_output=True, check=False).returncode


@pytest.mark.kafka
@pytest.mark.apache
async def test_the_services_work_together(kafka: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):  # a second start leaves the key as it is
        assert CliRunner().invoke(main, words("key", tmp_path)).exit_code == 0
    ports = {name: free_port() for name in ("worker", "sink")}
    assert healthcheck("worker", ports["worker"]) == 1
    services = {name: started(name, kafka, port, tmp_path, monkeypatch) for name, port in ports.items()}
    try:
        for name, service in services.items():
            service.wait_ready()
            assert healthcheck(name, ports[name]) == 0
            assert asked(f"http://{HOST}:{ports[name]}/readyz")[0] == 200
        async with Wire(kafka, DECISIONS) as wire:
            log = Log()
            log.proposes("refund", amount=900)
            await wire.publish_all(log.records)
            assert data(await wire.next())["signature"]["key_id"] == read_key(tmp_path / "keys" / "signing.key").id
        assert {service.stop() for service in services.values()} == {0}
    finally:
        for service in services.values():
            service.kill()
    assert (tmp_path / "data" / "handrail.duckdb").is_file()
