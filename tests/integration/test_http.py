"""What a real worker and a real sink say over HTTP: /metrics, /healthz, /readyz."""

import asyncio
import http.client
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client import Metric

from handrail.broker import EmbeddedBroker
from handrail.broker.ports import HOST, free_port
from handrail.schemas.topics import DECISIONS, PARTITIONS
from handrail.streams.sink.stage import TOPICS
from tests.infra import ROOT, asked, families, get, metrics_in, queries
from tests.log import Log
from tests.sinks import Sink, sink
from tests.topics import Wire
from tests.workers import Worker, worker

POLICIES = ROOT / "handrail" / "demo" / "policies"
PAGES = sorted((ROOT / "docs").glob("operators*.md"))
AMOUNTS = (20, 300, 900)
pytestmark = pytest.mark.kafka


@dataclass(frozen=True)
class Running:
    """A worker and a sink that have seen a few events, and their addresses."""

    worker: Worker
    sink: Sink
    worker_url: str
    sink_url: str


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("http")
    ports = free_port(), free_port()
    with (
        EmbeddedBroker() as broker,
        worker(broker.bootstrap, folder, "--policies", str(POLICIES), "--http", str(ports[0])) as one,
        sink(broker.bootstrap, folder, "--http", f"{HOST}:{ports[1]}") as other,
    ):
        asyncio.run(happen(broker.bootstrap))
        urls = [f"http://{HOST}:{port}" for port in ports]
        other.wait_until(lambda: value(families(urls[1]), "handrail_sink_rows_total", table="deadletters") == 1)
        other.wait_until(lambda: value(families(urls[1]), "handrail_sink_handoffs_open", kind="approval") == 1)
        yield Running(one, other, *urls)


async def happen(bootstrap: str) -> None:
    """Three refunds, a request for a human, an event in one byte, and something unreadable on the decisions."""
    log = Log()
    for number, amount in enumerate(AMOUNTS):
        log.conversation = f"secret-{number}"
        log.proposes("issue_refund", order_id="1", amount=amount)
    log.conversation = "secret-human"
    log.event("human.requested")
    async with Wire(bootstrap, DECISIONS) as wire:
        await wire.publish_all(log.records)
        await wire.raw(b"secret-bad", b"?")
        await wire.until(len(log.records))


def value(found: dict[str, Metric], name: str, **labels: str) -> float:
    """The sum of all samples of that name that have these labels."""
    samples = [sample for family in found.values() for sample in family.samples if sample.name == name]
    return sum(sample.value for sample in samples if labels.items() <= sample.labels.items())


def test_a_worker_counts_what_it_did(running: Running) -> None:
    found = families(running.worker_url)
    verdicts = {
        verdict: value(found, "handrail_worker_decisions_total", kind="action", verdict=verdict)
        for verdict in ("allow", "require_approval", "block", "halt")
    }
    assert verdicts == {"allow": 1, "require_approval": 1, "block": 1, "halt": 0}
    assert value(found, "handrail_worker_decisions_total", kind="route") == 1
    assert value(found, "handrail_worker_records_total", type="action.proposed") == len(AMOUNTS)
    assert value(found, "handrail_worker_records_total", type="other") == 1
    assert value(found, "handrail_worker_reasons_total", rule_id="refund-too-high", mode="enforce") == 1
    assert value(found, "handrail_worker_handoffs_total", kind="approval") == 1
    assert value(found, "handrail_worker_deadletters_total") == 1
    assert value(found, "handrail_worker_decision_latency_seconds_count") == len(AMOUNTS) + 1
    assert value(found, "handrail_worker_decision_latency_seconds_bucket", le="+Inf") == len(AMOUNTS) + 1
    assert value(found, "handrail_worker_chunk_records_sum") == value(found, "handrail_worker_records_total")
    assert value(found, "handrail_worker_recovery_seconds_count") == PARTITIONS
    assert value(found, "handrail_worker_conversations") == len(AMOUNTS) + 1
    assert value(found, "handrail_worker_entries") >= len(AMOUNTS)
    assert value(found, "handrail_worker_lag_records") == 0
    assert len(found["handrail_worker_lag_records"].samples) == PARTITIONS


def test_a_sink_counts_what_it_stored(running: Running) -> None:
    found = families(running.sink_url)
    assert value(found, "handrail_sink_rows_total", table="events") == len(AMOUNTS) + 1 + PARTITIONS  # activations
    assert value(found, "handrail_sink_rows_total", table="unreadable") == 1
    assert value(found, "handrail_sink_lag_records") == 0
    assert len(found["handrail_sink_lag_records"].samples) == PARTITIONS * len(TOPICS)
    assert value(found, "handrail_sink_commit_seconds_count") > 0
    assert value(found, "handrail_sink_database_bytes", file="snapshot") > 0


@pytest.mark.parametrize("whose", ["worker", "sink"])
def test_a_running_process_is_healthy_and_ready(running: Running, whose: str) -> None:
    url = running.worker_url if whose == "worker" else running.sink_url
    assert asked(f"{url}/healthz") == (200, {"healthy": True})
    status, told = asked(f"{url}/readyz")
    assert (status, told["ready"]) == (200, True)
    if whose == "worker":
        assert told["partitions"] == {str(number): "governed" for number in range(PARTITIONS)}
    else:
        assert told["partitions"] == PARTITIONS * len(TOPICS)
    assert get(f"{url}/elsewhere")[0] == 404


def test_every_metric_of_dashboards_and_alert_rules_is_there(running: Running) -> None:
    found = [*families(running.worker_url).values(), *families(running.sink_url).values()]
    there = {sample.name for family in found for sample in family.samples}
    there |= {f"{family.name}_total" for family in found if family.type == "counter"}
    asked_for = {(whose, name) for whose, query in queries() for name in metrics_in(query)}
    assert len(asked_for) > 30
    assert {(whose, name) for whose, name in asked_for if name not in there} == set()


def test_labels_are_few_and_name_nobody(running: Running) -> None:
    allowed = {
        "action", "cause", "code", "file", "kind", "le", "mode", "partition", "policy_id", "rule_id", "ruleset",
        "severity", "table", "topic", "type", "verdict", "version",
    }  # fmt: skip
    for url in (running.worker_url, running.sink_url):
        labels = {label for family in families(url).values() for sample in family.samples for label in sample.labels}
        assert labels <= allowed
        assert "secret" not in get(f"{url}/metrics")[1]


def test_the_page_has_every_metric_as_it_is(running: Running) -> None:
    found = families(running.worker_url) | families(running.sink_url)
    code = {(name, family.documentation) for name, family in found.items() if name.startswith("handrail_")}
    pages = "\n".join(page.read_text() for page in PAGES)
    shown = set(re.findall(r"^\| `(handrail_\w+)` \| [^|]* \| ([^|]*) \|$", pages, re.MULTILINE))
    assert shown == code


async def test_processes_that_are_asked_meanwhile_end_with_0(embedded: str, tmp_path: Path) -> None:
    """A client that keeps its connection open does not keep them."""
    port = free_port()
    with worker(embedded, tmp_path, "--policies", str(POLICIES), "--http", str(port)) as one:
        kept = http.client.HTTPConnection(HOST, port, timeout=10)
        kept.request("GET", "/healthz")
        assert kept.getresponse().read() == b'{"healthy":true}\n'
        assert one.stop() == 0, one.said()
        kept.close()
    assert one.said() == ""


@pytest.mark.parametrize("command", ["worker", "sink"])
def test_a_taken_port_is_one_line_that_names_it(embedded: str, tmp_path: Path, command: str) -> None:
    with socket.create_server((HOST, 0)) as taken:
        address = f"{HOST}:{taken.getsockname()[1]}"
        process = (
            Worker(embedded, tmp_path / "worker.log", "--http", address)
            if command == "worker"
            else Sink(embedded, tmp_path, "--http", address)
        )
        assert process.process.wait(60) == 2
    assert process.said() == f"--http {address}: the port is taken: choose another one of this machine's\n"
