"""What waits for what: as it is found, as /readyz and doctor tell it, and in how few lines a log does."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from faust.types import TP
from prometheus_client import CollectorRegistry

from handrail.doctor.processes import Group, _unowned, describe_waits
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.status import PartitionWaits
from handrail.streams.probe import ProbeResult, Wait, WaitLog, with_waits
from handrail.streams.sink import status as sink
from handrail.streams.sink.status import Counters


def pipeline(governed: bool = True, **more: Any) -> Any:
    """One that waits for nothing but for what is said."""
    active = asyncio.Event()
    if governed:
        active.set()
    still = {"unacknowledged_s": 0.0, "unanswered_s": 0.0, "full": False, "lag": 0, "backlog_bytes": 0}
    return SimpleNamespace(governed=active, **(still | more))


class Worker:
    """A worker's partitions at a clock that is set by hand."""

    def __init__(self, *starting: int, **pipelines: Any) -> None:
        self.now_s = 0.0
        found = {TP(AGENT_EVENTS, int(name[1:])): one for name, one in pipelines.items()}
        owned = [TP(AGENT_EVENTS, number) for number in starting]
        partitions: Any = SimpleNamespace(starting=owned, pipelines=found, progress={0: (1_000, 20_000)})
        self.waits = PartitionWaits(partitions, lambda: self.now_s)

    def after(self, seconds: float) -> dict[str, tuple[str, float, str]]:
        """What is told when it was looked at, and again so much later."""
        self.waits.look()
        self.now_s += seconds
        return {who: (wait.for_, wait.seconds, wait.detail) for who, wait in self.waits.look().items()}


PAUSED: dict[str, Any] = {"full": True, "backlog_bytes": 16_200_000}
NOT_TAKEN = "a produce is not acknowledged for 4 s"
HELD = "16 MB are fetched and not decided, so it is paused"


@pytest.mark.parametrize(
    ("one", "cause", "seconds", "told"),
    [
        (pipeline(unacknowledged_s=4.0), "broker", 4.0, NOT_TAKEN),
        (pipeline(unacknowledged_s=4.0, **PAUSED), "broker", 4.0, f"{NOT_TAKEN}; {HELD}"),
        (pipeline(unanswered_s=4.0), "broker", 4.0, "a fetch is not answered for 4 s"),
        (pipeline(lag=47_619), "fold", 3.0, "47,619 records are not decided yet"),
        (pipeline(lag=20, **PAUSED), "fold", 3.0, f"20 records are not decided yet; {HELD}"),
        (pipeline(lag=47_619, governed=False), "fold", 3.0, "47,619 records are not decided yet"),
        (pipeline(governed=False), "policies", 3.0, "no bundle is active: every proposal is blocked"),
    ],
)
def test_a_partition_says_what_it_waits_for(one: Any, cause: str, seconds: float, told: str) -> None:
    assert Worker(p3=one).after(3) == {"partition 3": (cause, seconds, told)}


def test_a_recovery_says_how_far_it_is() -> None:
    found = Worker(0, 1).after(3)
    assert found["partition 0"] == ("states", 3.0, "1,000 of 20,000 states read")
    assert found["partition 1"] == ("states", 3.0, "it is being recovered")


def test_what_is_on_its_way_or_has_only_begun_to_wait_is_not_told() -> None:
    assert Worker(p0=pipeline(lag=900, unacknowledged_s=0.2), p1=pipeline(lag=None)).after(60) == {}
    assert Worker(p0=pipeline(lag=47_619)).after(1) == {}


def test_what_waits_again_has_not_waited_all_the_time() -> None:
    one = pipeline(lag=47_619)
    worker = Worker(p0=one)
    assert worker.after(9)["partition 0"][1] == 9
    one.lag = 0
    assert worker.after(1) == {}
    one.lag = 2_000
    assert worker.after(3)["partition 0"][1] == 3


def waits(cause: Any, seconds: float, *who: str) -> dict[str, Wait]:
    return {name: Wait(cause, seconds, "so it is") for name in who}


def test_a_log_has_one_line_when_it_takes_long_and_one_when_it_is_over() -> None:
    log = WaitLog("handrail worker")
    both = ("partition 0", "partition 1")
    told = [list(log.lines(waits("broker", float(second), *both), second)) for second in range(2, 60)]
    assert [lines for lines in told if lines] == [
        ["handrail worker: partition 0, partition 1: waits for the broker: so it is"]
    ]
    assert list(log.lines({}, 61)) == ["handrail worker: goes on: it waited for the broker for 61 s"]
    assert list(log.lines({}, 62)) == []


def test_a_short_wait_is_no_line() -> None:
    log = WaitLog("handrail worker")
    assert [*log.lines(waits("fold", 4, "partition 0"), 4), *log.lines({}, 5)] == []


def test_an_answer_tells_what_waits_and_is_as_it_was_where_nothing_does() -> None:
    ready = ProbeResult("", {"partitions": {"0": "governed"}})
    told = with_waits(lambda: ready, lambda: waits("broker", 4.04, "partition 0")).more["waits"]
    assert told == {"partition 0": {"for": "broker", "seconds": 4.0, "told": "so it is"}}
    assert with_waits(lambda: ready, dict) == ready


def test_doctor_has_a_line_for_each_that_waits_and_says_what_to_do() -> None:
    told = with_waits(ProbeResult, lambda: waits("policies", 4.0, "partition 0", "partition 1")).more["waits"]
    lines = list(describe_waits("worker-1", told))
    assert [line.message for line in lines] == [
        f"worker-1: partition {number}: waits for policies for 4 s: so it is" for number in (0, 1)
    ]
    assert {line.status for line in lines} == {"warn"}
    assert "handrail policy activate" in lines[0].remedy


@pytest.mark.parametrize("settled", [True, False])
def test_a_partition_that_no_worker_has_is_named_where_records_wait(settled: bool) -> None:
    first, second, third = (TopicPartition(AGENT_EVENTS, number) for number in range(3))
    group = Group(["a worker"], {first}, settled)
    (line,) = _unowned(group, {first: 5, second: 0, third: 7})
    word = "an owner" if settled else "until the workers have shared"
    assert line.message.startswith("partition 2: waits ")
    assert word in line.message
    assert line.message.endswith(": 7 records")


class Sink:
    """A sink's parts at rest."""

    def __init__(self, unanswered_s: float = 0.0, blocked_s: float | None = None) -> None:
        self.reader: Any = SimpleNamespace(unanswered_s=unanswered_s)
        self.tally = Counters(CollectorRegistry())
        self.snapshots: Any = SimpleNamespace(blocked_s=blocked_s)

    def waits(self) -> dict[str, str]:
        found = sink.waits(self.reader, self.tally, self.snapshots)
        return {who: wait.for_ for who, wait in found.items()}


def test_a_sink_says_what_it_waits_for() -> None:
    assert Sink().waits() == {}
    assert Sink(unanswered_s=3).waits() == {"log": "broker"}
    busy = Sink(unanswered_s=3)
    busy.tally.storing_s = 0.0  # long ago; meanwhile nothing is asked of the broker
    assert busy.waits() == {"rows": "disk"}
    copying = Sink()
    copying.tally.copying_s = 0.0
    assert copying.waits() == {"rows": "disk"}
    assert Sink(blocked_s=0.0).waits() == {"snapshot": "readers"}
