"""Health and readiness as they are answered, and the address they are answered at."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from click.testing import CliRunner
from faust.types import TP
from prometheus_client import CollectorRegistry

from handrail.cli import main
from handrail.schemas.record import Counted, Output, Record
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS
from handrail.streams.address import host_port
from handrail.streams.engine import status
from handrail.streams.engine.counters import RULES_MAX, Counters, LatencyHistogram
from handrail.streams.governor.partition import Folded
from handrail.streams.sink import status as sink
from tests.log import Log


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("9464", ("127.0.0.1", 9464)),
        (":9464", ("127.0.0.1", 9464)),
        ("0.0.0.0:9464", ("0.0.0.0", 9464)),
        ("[::1]:0", ("::1", 0)),
        ("localhost:80", ("localhost", 80)),
    ],
)
def test_a_port_alone_is_one_of_the_loopback(text: str, found: tuple[str, int]) -> None:
    assert host_port(text) == found


@pytest.mark.parametrize("command", ["worker", "sink"])
@pytest.mark.parametrize("text", ["localhost", "a:b", "1.2.3.4:65536", "http://h:1", "u@h:1", "h:1/x", "", "70000"])
def test_what_is_no_address_is_one_line(command: str, text: str) -> None:
    ended = CliRunner().invoke(main, [command, "--http", text])
    assert ended.exit_code == 2
    assert ended.output == f"--http: must be HOST:PORT or a port, as 127.0.0.1:9464, got {text!r}\n"


def partitions(assigned: bool = True, starting: tuple[int, ...] = (), **pipelines: Any) -> Any:
    """Partitions as health sees them; a pipeline is (governed, seconds stuck)."""
    found = {}
    for number, (governed, stuck_s) in pipelines.items():
        event = asyncio.Event()
        if governed:
            event.set()
        found[TP(AGENT_EVENTS, int(number[1:]))] = SimpleNamespace(governed=event, stuck_s=stuck_s)
    return SimpleNamespace(assigned=assigned, starting=[TP(AGENT_EVENTS, n) for n in starting], pipelines=found)


def test_a_worker_is_healthy_until_records_wait_too_long() -> None:
    assert status.healthy(partitions(p0=(True, 59.0))).reason == ""
    said = status.healthy(partitions(p0=(True, 0.0), p2=(True, 61.0))).reason
    assert said == "agent.events.v1[2]: nothing delivered for 61 s, records wait"


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (partitions(assigned=False), "no partitions are assigned yet"),
        (partitions(starting=(1,), p0=(True, 0.0)), "partition 1: recovering"),
        (partitions(p0=(True, 0.0), p1=(False, 0.0)), "partition 1: no active policies"),
        (partitions(p0=(True, 0.0), p1=(True, 0.0)), ""),
        (partitions(), ""),  # more workers than partitions
    ],
)
def test_a_worker_is_ready_when_all_that_is_assigned_is_governed(standing: Any, reason: str) -> None:
    assert status.ready(standing).reason == reason


def reader(**unread: int | None) -> Any:
    return SimpleNamespace(unread={TopicPartition(name, 0): n for name, n in unread.items()})


def test_a_sink_is_ready_when_it_knows_how_far_behind_it_is() -> None:
    tally = sink.Counters(CollectorRegistry())
    assert sink.ready(reader(), tally).reason == "the log is not read yet"
    assert sink.ready(reader(events=3, alerts=None), tally).reason == "the end is not known of alerts[0]"
    tally.read({TopicPartition("events", 0): [cast(Any, None)] * 2})
    found = sink.ready(reader(events=3, alerts=0), tally)
    assert (found.reason, found.more["lag_records"]) == ("", 5)  # what is on its way is not stored


def test_a_sink_that_asks_no_more_is_not_healthy() -> None:
    tally = sink.Counters(CollectorRegistry())
    assert sink.healthy(tally).reason == ""
    tally.turned_s -= sink.STUCK_S_MAX + 1
    assert sink.healthy(tally).reason == "nothing read for 301 s: is the disk slow or full?"


def test_waits_are_counted_in_the_bucket_they_fit_in() -> None:
    waits = LatencyHistogram("waits_seconds", "what", (0.1, 1))
    for seconds in (0.05, 0.1, 0.5, 7):
        waits.add(seconds, 1)
    (family,) = waits.collect()
    counts = {sample.labels["le"]: sample.value for sample in family.samples if sample.name.endswith("_bucket")}
    assert counts == {"0.1": 2, "1.0": 3, "+Inf": 4}
    registry = CollectorRegistry()
    registry.register(waits)
    assert registry.get_sample_value("waits_seconds_sum") == pytest.approx(7.65)


def test_decisions_of_a_chunk_are_counted_with_their_wait() -> None:
    registry = CollectorRegistry()
    log = Log()
    log.proposes("refund", amount=1)
    outputs = [output for one in log.fold().folded for output in one.outputs]
    Counters(registry).delivered(log.records, Folded(outputs), log.records[-1].timestamp_ms + 40)
    assert registry.get_sample_value("handrail_worker_decision_latency_seconds_sum") == pytest.approx(0.04)
    assert registry.get_sample_value("handrail_worker_records_total", {"type": "action.proposed"}) == 1


def test_a_worker_that_has_seen_many_bundles_tells_their_last_rules_not_apart() -> None:
    registry = CollectorRegistry()
    tally = Counters(registry)
    outputs = [decided(f"rule-{number}") for number in range(RULES_MAX + 5)]
    tally.delivered([Record(AGENT_EVENTS, 0, 0, 0, b"c", b"{}")], Folded(outputs), 0)
    found = [s for family in registry.collect() for s in family.samples if s.name == "handrail_worker_reasons_total"]
    assert len(found) == RULES_MAX + 1
    assert {sample.value for sample in found if sample.labels["rule_id"] == "other"} == {5}


def decided(rule: str) -> Output:
    counted = Counted("action", "block", 0, (("policy", "p", rule, "enforce"),))
    return Output(DECISIONS, b"c", b"{}", counted=counted)


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"[" * 100_000, b'{"type":7}', b'{"type":"handrail.dreamt.v1"}'])
def test_whatever_a_record_is_it_is_counted(value: bytes | None) -> None:
    registry = CollectorRegistry()
    Counters(registry).delivered([Record(AGENT_EVENTS, 0, 0, 0, b"c", value)], Folded(), 0)
    assert registry.get_sample_value("handrail_worker_records_total", {"type": "other"}) == 1
