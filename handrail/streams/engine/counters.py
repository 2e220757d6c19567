"""Counters of a worker, as Prometheus metrics in a registry that is passed to it; status.py has its gauges.

Counted once a chunk, from what was delivered. Labels are few by construction: kinds, verdicts and codes are the
contract's, rules the bundle's, partitions the topic's. Agents, tenants and conversations are no labels: analysts ask
for those in SQL.
"""

from bisect import bisect_left
from collections import Counter as Count
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, product
from typing import get_args

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from handrail.schemas.controls import CONTROLS
from handrail.schemas.events import EVENTS
from handrail.schemas.fields import Shape
from handrail.schemas.outputs import Alert, Closed, Handoff
from handrail.schemas.record import Counted, Record
from handrail.schemas.topics import ALERTS, DEADLETTERS, HANDOFFS
from handrail.streams.governor.partition import Folded

LATENCY_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
CHUNK_RECORDS = (1, 2, 5, 10, 20, 50, 100, 200)
RECOVERY_S = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
RULES_MAX = 1000
OTHER = "other"


def _short(event_type: str) -> str:
    return event_type.removeprefix("handrail.").removesuffix(".v1")


def _values(model: type[Shape], field: str) -> tuple[str, ...]:
    """The words that the contract allows there."""
    return get_args(model.model_fields[field].annotation)


TYPES = {name: _short(name) for name in (*EVENTS, *CONTROLS)}


class _Handoff(msgspec.Struct):
    kind: str = ""
    revision: int = 0
    cause: str = ""


class _Alert(msgspec.Struct):
    kind: str
    severity: str


class _HandoffEvent(msgspec.Struct):
    data: _Handoff


class _AlertEvent(msgspec.Struct):
    data: _Alert


class _Event(msgspec.Struct):
    type: str


# Only the fields that are counted: a sixth of the time of reading the whole record.
_handoff = msgspec.json.Decoder(_HandoffEvent).decode
_alert = msgspec.json.Decoder(_AlertEvent).decode
_event = msgspec.json.Decoder(_Event).decode


class LatencyHistogram(Collector):
    """A histogram for what is counted with each decision: the library's takes 1.2 us for one value, this a quarter."""

    def __init__(self, name: str, what: str, bounds_s: Sequence[float]) -> None:
        self._name, self._what, self._bounds_s = name, what, bounds_s
        self._buckets = [0] * (len(bounds_s) + 1)
        self._sum_s = 0.0

    def add(self, seconds: float, n: int) -> None:
        """`n` decisions waited for so long."""
        self._buckets[bisect_left(self._bounds_s, seconds)] += n
        self._sum_s += seconds * n

    def collect(self) -> Iterator[HistogramMetricFamily]:
        names = [*map(floatToGoString, self._bounds_s), "+Inf"]
        buckets = list(zip(names, map(float, accumulate(self._buckets)), strict=True))
        yield HistogramMetricFamily(self._name, self._what, buckets=buckets, sum_value=self._sum_s)


class Counters:
    """Counts since the process started."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(f"handrail_worker_{name}", what, labels, registry=registry)

        def histogram(name: str, what: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(f"handrail_worker_{name}", what, buckets=buckets, registry=registry)

        self._records = counter("records", "Records of agent.events.v1 folded and delivered", "type")
        self._decisions = counter("decisions", "Decisions acknowledged by the broker", "kind", "verdict")
        self._reasons = counter("reasons", "Rules and detectors that fired", "code", "policy_id", "rule_id", "mode")
        self._handoffs = counter("handoffs", "Handoffs opened", "kind")
        self._closed = counter("handoffs_closed", "Handoffs closed by the governor", "cause")
        self._alerts = counter("alerts", "Alerts raised", "kind", "severity")
        self._deadletters = counter("deadletters", "Records that could not be read or folded")
        self._latency = LatencyHistogram(
            "handrail_worker_decision_latency_seconds",
            "From the append time of a record to its acknowledged decision",
            LATENCY_S,
        )
        registry.register(self._latency)
        self._chunks = histogram("chunk_records", "Records folded in one go", CHUNK_RECORDS)
        self._recoveries = histogram("recovery_seconds", "Time to read the states of one partition", RECOVERY_S)
        self._rules: set[tuple[str, ...]] = set()
        # Prometheus sees no increase in a series that begins with 1: the first alert would not fire.
        for kind, severity in product(_values(Alert, "kind"), _values(Alert, "severity")):
            self._alerts.labels(kind, severity)
        for kind in _values(Handoff, "kind"):
            self._handoffs.labels(kind)
        for cause in _values(Closed, "cause"):
            self._closed.labels(cause)

    def delivered(self, records: Sequence[Record], folded: Folded, now_ms: int) -> None:
        """These records were folded to this, whose outputs were acknowledged at `now_ms`."""
        if not records:
            return
        self._chunks.observe(len(records))
        _count(self._records, _types(records, folded.types))
        decisions: list[Counted] = []
        by_topic: dict[str, list[bytes]] = {}
        for output in folded.outputs:
            if output.counted is not None:
                decisions.append(output.counted)
            else:
                by_topic.setdefault(output.topic, []).append(output.value)
        if decisions:
            self._decided(decisions, records, now_ms)
        self._handed_off([_handoff(value).data for value in by_topic.get(HANDOFFS, ())])
        alerts = [_alert(value).data for value in by_topic.get(ALERTS, ())]
        _count(self._alerts, Count((alert.kind, alert.severity) for alert in alerts))
        self._deadletters.inc(len(by_topic.get(DEADLETTERS, ())))

    def recovered(self, seconds: float) -> None:
        """The states of one partition were read."""
        self._recoveries.observe(seconds)

    def _decided(self, decisions: Sequence[Counted], records: Sequence[Record], now_ms: int) -> None:
        _count(self._decisions, Count([(decision.kind, decision.verdict) for decision in decisions]))
        _count(self._reasons, Count([self._rule(reason) for decision in decisions for reason in decision.reasons]))
        appended_ms = {record.offset: record.timestamp_ms for record in records}
        waited = Count([now_ms - appended_ms.get(decision.offset, now_ms) for decision in decisions])
        for waited_ms, n in waited.items():
            # Two machines' clocks: the broker's may be ahead.
            self._latency.add(max(0, waited_ms) / 1000, n)

    def _rule(self, reason: tuple[str, str, str, str]) -> tuple[str, ...]:
        """The labels of a reason. A worker may see many bundles; beyond RULES_MAX, rules share one label."""
        if reason not in self._rules:
            if len(self._rules) >= RULES_MAX:
                return (reason[0], OTHER, OTHER, reason[3])
            self._rules.add(reason)
        return reason

    def _handed_off(self, handoffs: Sequence[_Handoff]) -> None:
        """A handoff is sent again when it changes; it opens once."""
        _count(self._closed, Count((handoff.cause,) for handoff in handoffs if handoff.cause))
        _count(self._handoffs, Count((handoff.kind,) for handoff in handoffs if handoff.revision == 1))


def _types(records: Sequence[Record], folded: Mapping[str, int]) -> Mapping[tuple[str, ...], int]:
    """How many of each type there are. `folded` has those that could be read, which mostly are all."""
    if sum(folded.values()) == len(records):
        return {(TYPES.get(name, OTHER),): n for name, n in folded.items()}
    return Count([(_type_of(record),) for record in records])


def _type_of(record: Record) -> str:
    try:
        return TYPES.get(_event(record.value or b"").type, OTHER)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return OTHER


def _count(metric: Counter, counts: Mapping[tuple[str, ...], int]) -> None:
    for labels, n in counts.items():
        metric.labels(*labels).inc(n)
