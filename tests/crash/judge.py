"""The judge of a run: the pure fold over the log, beside all that was written, stored, recovered and told."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from aiokafka import ConsumerRecord

from handrail.audit.decision_records import key_of
from handrail.schemas.decode import decode
from handrail.schemas.errors import SchemaError
from handrail.schemas.keys import PublicKey
from handrail.schemas.partitioner import partition_of
from handrail.schemas.signature import decision_refused, unsigned
from handrail.schemas.topics import AGENT_EVENTS, ALERTS, DEADLETTERS, DECISIONS, HANDOFFS, RESOLUTIONS, STATES
from handrail.streams.engine.bundles import Bundles
from handrail.streams.engine.changelog import Loading, position_of
from handrail.streams.engine.fetch import record_of
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.state import ATTESTED_KEY
from tests.crash.agents import Heard
from tests.crash.rows import kept, rows
from tests.topics import read

WRITTEN = (DECISIONS, HANDOFFS, ALERTS, DEADLETTERS)
STORED = (AGENT_EVENTS, *WRITTEN, RESOLUTIONS)
ASKING = ("query.received", "human.requested", "action.proposed", "response.proposed")
CHUNK = 200
SHOWN_MAX = 10

Line = tuple[str, int, bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]
Topics = Mapping[str, list[ConsumerRecord]]
StateKey = tuple[int, bytes | None]
"""(partition, key) of a record of the changelog"""


@dataclass
class Findings:
    """What was compared, by number, and every difference, in words; a good run has none."""

    figures: Counter[str] = field(default_factory=Counter)
    differences: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def differ(self, what: str, ones: Iterable[object]) -> None:
        """These are not as they must be."""
        if found := [str(one)[:300] for one in ones]:
            self.differences[what] += found

    def lines(self) -> list[str]:
        """The differences for a report, the first few of each kind."""
        return [
            line
            for what, found in self.differences.items()
            for line in (f"{what}: {len(found)}", *(f"  {one}" for one in found[:SHOWN_MAX]))
        ]


async def judge(
    bootstrap: str, partitions: int, data: Path | None, heard: Heard, keys: Mapping[str, PublicKey]
) -> Findings:
    """Everything that a run must have kept, once all is quiet. `data`: the sink's folder, with no sink on it.

    `keys`: what the workers signed with.
    """
    findings = Findings()
    topics = {topic: await read(bootstrap, topic, partitions) for topic in (*STORED, STATES)}
    bundles = Bundles(bootstrap)
    await bundles.refresh()
    await bundles.load_all()
    folds, expected = _folded(topics[AGENT_EVENTS], partitions, bundles)
    _check_signatures(findings, topics[DECISIONS], keys)
    _compare_outputs(findings, expected, topics)
    _compare_answers(findings, topics, partitions)
    _compare_handoffs(findings, topics[HANDOFFS])
    await _compare_states(findings, bootstrap, folds, bundles)
    _count_stale(findings, topics[STATES])
    _compare_heard(findings, topics[DECISIONS], heard)
    if data is not None:
        _compare_rows(findings, topics, data)
    return findings


def _folded(
    events: list[ConsumerRecord], partitions: int, bundles: Bundles
) -> tuple[list[PartitionFold], Counter[Line]]:
    folds, expected = [], Counter[Line]()
    for number in range(partitions):
        fold = PartitionFold(number, partitions, bundles.known)
        records = [record_of(event) for event in events if event.partition == number]
        for at in range(0, len(records), CHUNK):
            for one in fold.fold(records[at : at + CHUNK]).outputs:
                expected[(one.topic, number, one.key, one.value, tuple(one.headers))] += 1
        folds.append(fold)
    return folds, expected


def _check_signatures(findings: Findings, decisions: list[ConsumerRecord], keys: Mapping[str, PublicKey]) -> None:
    """Each copy of each decision is signed, with the batch it came in."""
    refused = ((decision, decision_refused(orjson.loads(decision.value)["data"], keys)) for decision in decisions)
    findings.differ("decisions whose signature does not hold", ((why, one.value) for one, why in refused if why))


def _compare_outputs(findings: Findings, expected: Counter[Line], topics: Topics) -> None:
    """Byte for byte: what the fold gives is there, and nothing else is."""
    found: Counter[Line] = Counter()
    for topic in WRITTEN:
        for one in topics[topic]:
            headers = tuple(one.headers)
            if dict(headers).get("handrail-topic", AGENT_EVENTS.encode()) == AGENT_EVENTS.encode():
                value = unsigned(one.value) if topic == DECISIONS else one.value
                found[(topic, one.partition, one.key, value, headers)] += 1
    findings.figures["events on the log"] = len(topics[AGENT_EVENTS])
    findings.figures["outputs expected"] = expected.total()
    findings.figures["identical copies"] = found.total() - len(found)
    findings.differ("expected by the fold and not on its topic", expected.keys() - found.keys())
    findings.differ("on its topic and not what the fold gives", found.keys() - expected.keys())
    findings.differ(
        "less often on its topic than the fold gives it",
        (one for one, n in expected.items() if found[one] < n and found[one]),
    )


def _compare_answers(findings: Findings, topics: Topics, partitions: int) -> None:
    """Every question has an answer, and one only; found without the fold."""
    answers: dict[Any, set[bytes]] = defaultdict(set)
    for one in topics[DECISIONS]:
        answers[one.partition, key_of(orjson.loads(one.value))].add(unsigned(one.value))
    answered = {(partition, key[1], key[2], key[3]) for partition, key in answers if key}
    asked = set()
    for one in topics[AGENT_EVENTS]:
        try:
            raw = decode(one.value).raw
        except SchemaError:
            continue
        ours = one.key == raw["subject"].encode() and partition_of(one.key, partitions) == one.partition
        if ours and raw["type"].removeprefix("handrail.").removesuffix(".v1") in ASKING:
            asked.add((one.partition, raw["subject"], raw["source"], raw["id"]))
    findings.figures["questions"] = len(asked)
    findings.figures["decisions"] = len(answers)
    findings.differ("questions without an answer", asked - answered)
    findings.differ("questions with answers that differ", (key for key, values in answers.items() if len(values) > 1))


def _compare_handoffs(findings: Findings, handoffs: list[ConsumerRecord]) -> None:
    found: dict[tuple[str, str, Any], set[bytes]] = defaultdict(set)
    for handoff in handoffs:
        event = orjson.loads(handoff.value)
        data = event["data"]
        found[event["type"], data["handoff_id"], data.get("revision")].add(handoff.value)
    findings.figures["handoffs and their revisions"] = len(found)
    findings.differ("handoff revisions that differ", (key for key, values in found.items() if len(values) > 1))


async def _compare_states(findings: Findings, bootstrap: str, folds: list[PartitionFold], bundles: Bundles) -> None:
    """What a worker would recover now is what the fold over the whole log remembers."""
    for fold in folds:
        recovered = PartitionFold(fold.number, fold.partitions, bundles.known)
        loading = Loading(bootstrap, recovered, None, bundles)
        await loading.read()
        loading.finish()
        recovered.recovered()
        expected, found = _remembered(fold), _remembered(recovered)
        findings.figures["conversations remembered"] += len(fold.memory)
        findings.figures["states compared"] += len(expected)
        wrong = {key for key in expected.keys() | found.keys() if expected.get(key) != found.get(key)}
        findings.differ("states that recovery does not give back", sorted((fold.number, *key) for key in wrong))


def _remembered(fold: PartitionFold) -> dict[tuple[str, str], object]:
    memory = fold.memory
    heads: dict[tuple[str, str], object] = {("head", name): raw for name, raw in memory._heads.items()}
    entries = {("entry", f"{name}#{n}"): raw for name, of in memory._entries.items() for n, raw in of.items()}
    parts = {("part", f"{name}#{n}"): raw for name, of in memory._parts.items() for n, raw in of.items()}
    return heads | entries | parts | {("partition", ""): fold._state}


def _count_stale(findings: Findings, states: list[ConsumerRecord]) -> None:
    """Old states behind newer ones; what compaction keeps of them must be worth the same."""
    findings.figures["old states behind newer ones"] = sum(old for _, old in _with_age(states))
    findings.figures["changelog records"] = len(states)
    findings.differ("states that compaction would change", stale(states))


def stale(states: list[ConsumerRecord]) -> list[tuple[int, str, str]]:
    """(partition, kind, name) of what recovery would give otherwise, were only the last record of each key left.

    An old record behind a newer one may be worth the same: an owner that goes on from what it remembered folds the
    records since then again, in other batches, and writes entries and tombstones once more at other positions.
    """
    changed: list[tuple[int, str, str]] = []
    states = [state for state in states if state.key != ATTESTED_KEY]
    for partition in sorted({key[0] for key, old in dict(_with_age(states)).items() if old}):
        records = [state for state in states if state.partition == partition]
        last = {record.key: record for record in records}
        whole = _recovered(partition, records)
        left = _recovered(partition, sorted(last.values(), key=lambda one: one.offset))
        changed += sorted((partition, *key) for key in whole.keys() | left.keys() if whole.get(key) != left.get(key))
    return changed


def _recovered(partition: int, states: list[ConsumerRecord]) -> dict[tuple[str, str], object]:
    fold = PartitionFold(partition, None, {})
    for state in states:
        assert fold.load(state.key, state.value, position_of(state)), state
    fold.recovered()
    return _remembered(fold)


def _with_age(states: list[ConsumerRecord]) -> Iterator[tuple[StateKey, bool]]:
    """The key of each state, and whether a newer one stands before it."""
    highest: dict[StateKey, int] = {}
    for state in states:
        if state.key == ATTESTED_KEY:
            continue  # which says whose they are, and has no position
        key, position = (state.partition, state.key), position_of(state)
        before = highest.get(key, -1)
        highest[key] = max(position, before)
        yield key, position < before


def _compare_heard(findings: Findings, decisions: list[ConsumerRecord], heard: Heard) -> None:
    """What agents were told is on the log, and they did only what was allowed."""
    verdicts = {}
    for decision in decisions:
        data = orjson.loads(decision.value)["data"]
        verdicts[data["decision_id"]] = (data["conversation_id"], data["verdict"])
    findings.figures["decisions heard by agents"] = len(heard.decisions)
    findings.figures["calls made by agents"] = len(heard.ran)
    findings.differ(
        "decisions heard that are not on the log",
        (f"{name} {told}" for name, told in heard.decisions.items() if verdicts.get(name) != told),
    )
    findings.differ(
        "calls made without an allow",
        (action for action, name in heard.ran.items() if verdicts.get(name, ("", ""))[1] != "allow"),
    )


def _compare_rows(findings: Findings, topics: Topics, data: Path) -> None:
    """One row for each record of the log, with what it says, as far as it may be kept."""
    expected = {(t, record.partition, record.offset): kept(t, record.value) for t in STORED for record in topics[t]}
    found, repeated = rows(data)
    findings.figures["rows of the sink"] = len(found)
    findings.differ("rows stored twice", repeated)
    findings.differ("records without a row", sorted(expected.keys() - found.keys()))
    findings.differ("rows without a record", sorted(found.keys() - expected.keys()))
    findings.differ(
        "rows that say something else",
        (place for place, value in found.items() if place in expected and value != expected[place]),
    )
