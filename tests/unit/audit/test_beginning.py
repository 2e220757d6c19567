"""Logs that start in the middle: exported, verified from a snapshot on, with decisions planted that hide others."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail.audit import files
from handrail.audit.beginning import parse_snapshot
from handrail.audit.comparison import Comparison
from handrail.audit.decision_records import exported_line
from handrail.audit.export import ExportCounts, Selection
from handrail.audit.rules import Rules
from handrail.schemas.errors import ConfigError
from handrail.schemas.topics import DECISIONS
from handrail.streams.governor import snapshot
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.state import REMAINS_MS
from tests.bundles import bundle, refunds
from tests.log import Log

FULL = Rules({refunds().ruleset: refunds()})
FIRST = 2  # retention has removed what is before
CHANGE = Callable[[dict[str, Any]], object]


class Cut:
    """A log of an old and of new conversations, a snapshot between them, and what a worker wrote about it."""

    def __init__(self) -> None:
        log = self.log = Log("old")
        log.control("policies.activated", ruleset=refunds().ruleset)
        log.query("Where is my parcel?")
        log.proposes("get_order", order_id="#1")
        self.position = len(log.records) - 1
        log.control("snapshot", **self.told())
        for name in ("new", "old", "new", "other"):
            log.conversation = name
            log.query("And where is it now?")
            log.proposes("refund", amount=50 if name == "old" else 300)
        outputs = PartitionFold(0, None, FULL.bundles).fold(log.records).outputs
        self.decisions = [output.value for output in outputs if output.topic == DECISIONS]

    def told(self) -> dict[str, Any]:
        fold = PartitionFold(0, None, FULL.bundles)
        fold.fold(self.log.records)
        data: dict[str, Any] = orjson.loads(orjson.dumps(snapshot.snapshot_data(fold._state)))
        return data

    def of(self, name: str) -> list[bytes]:
        return [value for value in self.decisions if orjson.loads(value)["subject"] == name]

    def exported(self, *wanted: str) -> list[bytes]:
        lines, _ = exported(self.log, *wanted)
        return lines


def exported(log: Log, *wanted: str) -> tuple[list[bytes], ExportCounts]:
    export_counts = ExportCounts()
    selection = Selection(0, FULL, frozenset(wanted) or None, export_counts)
    return [line for record in log.records[FIRST:] if (line := selection.line(record)) is not None], export_counts


@pytest.fixture
def cut() -> Cut:
    return Cut()


@pytest.fixture
def verified(tmp_path: Path) -> Callable[..., Comparison]:
    def run(events: Iterable[bytes], decisions: Iterable[bytes], rules: Rules = FULL) -> Comparison:
        events_file, decisions_file = tmp_path / "events.jsonl", tmp_path / "decisions.jsonl"
        events_file.write_bytes(b"\n".join(events))
        decisions_file.write_bytes(
            b"\n".join(exported_line(value, 0, at, 0) or b"" for at, value in enumerate(decisions))
        )
        (comparison,) = asyncio.run(files.verify(events_file, decisions_file, rules, lambda _: None))
        return comparison

    return run


def changed(value: bytes, change: CHANGE) -> bytes:
    event: dict[str, Any] = orjson.loads(value)
    change(event["data"])
    return orjson.dumps(event)


def since(offset: Any) -> CHANGE:
    return lambda data: data.update(verdict="halt", chain={**data["chain"], "since": offset})


def test_a_file_that_starts_in_the_middle_is_verified_from_its_snapshot_on(cut: Cut, verified: Any) -> None:
    comparison = verified(cut.exported(), cut.decisions)
    assert (comparison.counts.differences, comparison.first) == (0, None)
    assert (comparison.counts.expected, comparison.counts.found) == (6, 6)
    assert comparison.counts.not_judged == len(cut.of("old"))
    assert comparison.counts.records == len(cut.log.records) - cut.position - 1
    planted = [changed(cut.decisions[-1], lambda data: data.update(verdict="halt")), *cut.decisions]
    assert verified(cut.exported(), planted).counts.changed == 1


@pytest.mark.parametrize("name", ["new", "other"])
def test_one_conversation_of_such_a_log_is_enough(cut: Cut, verified: Any, name: str) -> None:
    comparison = verified(cut.exported(name), cut.of(name))
    assert (comparison.counts.differences, comparison.counts.expected) == (0, len(cut.of(name)))
    assert verified(cut.exported(name), cut.of(name)[1:]).counts.missing == 1


def test_an_export_tells_where_the_log_began_and_what_was_active(cut: Cut) -> None:
    lines, export_counts = exported(cut.log, "other")
    assert orjson.loads(lines[0])["logoffset"] == FIRST
    assert list(export_counts.rulesets) == [refunds().ruleset]


def test_without_a_snapshot_it_is_one_line(cut: Cut, verified: Any) -> None:
    lines = [line for line in cut.exported() if b"control.snapshot" not in line]
    with pytest.raises(ConfigError, match=r"events\.jsonl: agent\.events\.v1\[0\] starts in the middle, at offset 2: "):
        verified(lines, cut.decisions)


def test_a_bundle_that_was_active_and_is_not_given_is_one_line(cut: Cut, verified: Any) -> None:
    other = bundle(limits="default: {approval_ttl_s: 60}\n")
    with pytest.raises(ConfigError, match=r"at offset 2, where it begins, sha256:\w+ is active, which is not among"):
        verified(cut.exported(), cut.decisions, Rules({other.ruleset: other}))


@pytest.mark.parametrize("position", [-1, 0, 3, 10_000, "2", True])
def test_a_snapshot_of_what_is_gone_or_still_to_come_is_no_beginning(cut: Cut, position: Any) -> None:
    value = cut.log.records[3].value
    assert parse_snapshot(value, 3, FIRST) is not None
    forged = orjson.loads(value or b"")
    forged["data"]["position"] = position
    assert parse_snapshot(orjson.dumps(forged), 3, FIRST) is None


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("at", [0, 1, 3])
@pytest.mark.parametrize("claim", [0, 1, 2])
def test_a_forged_decision_cannot_make_a_conversation_older(
    cut: Cut, verified: Any, claim: int, at: int, first: bool
) -> None:
    forged = changed(cut.of("new")[at], since(claim))
    planted = [forged, *cut.decisions] if first else [*cut.decisions, forged]
    comparison = verified(cut.exported(), planted)
    assert (comparison.counts.found, comparison.counts.changed, comparison.counts.missing) == (6, 1, 0)
    assert comparison.counts.not_judged == len(cut.of("old"))
    less = [value for value in planted if value != cut.of("new")[2]]
    assert verified(cut.exported(), less).counts.missing == 1


@pytest.mark.parametrize("claim", [0, 2, None, True, -1, 10_000, "1"])
def test_decisions_of_an_older_conversation_agree_on_when_it_began(cut: Cut, verified: Any, claim: Any) -> None:
    comparison = verified(cut.exported(), [*cut.decisions, changed(cut.of("old")[-1], since(claim))])
    assert (comparison.counts.foreign, comparison.counts.changed, comparison.counts.missing) == (1, 0, 0)
    assert comparison.first is not None
    assert "another decision of it says 1" in comparison.first.why


def test_a_conversation_that_ended_and_begins_anew_is_judged_from_there_on(verified: Any) -> None:
    cut = Cut()
    log = cut.log
    log.event("execution.ended", conversation="old", outcome="resolved")
    log.wait(REMAINS_MS / 1000 + 60)  # its calls were never told
    again = len(log.records)
    log.event("query.received", conversation="old", text="Me again.")
    outputs = PartitionFold(0, None, FULL.bundles).fold(log.records).outputs
    cut.decisions = [out.value for out in outputs if out.topic == DECISIONS]
    assert orjson.loads(cut.of("old")[-1])["data"]["chain"]["since"] == again
    comparison = verified(cut.exported(), cut.decisions)
    assert (comparison.counts.differences, comparison.counts.not_judged) == (0, len(cut.of("old")) - 1)
    assert comparison.counts.expected == comparison.counts.found == len(cut.decisions) - comparison.counts.not_judged
    forged = changed(cut.of("old")[-1], since(1))
    assert verified(cut.exported(), [forged, *cut.decisions]).counts.changed == 1


def test_a_conversation_without_one_true_decision_can_still_be_hidden(cut: Cut, verified: Any) -> None:
    """What remains: nothing on a cut log says that it is not older."""
    decisions = [changed(value, since(1)) if value in cut.of("new") else value for value in cut.decisions]
    comparison = verified(cut.exported(), decisions)
    assert (comparison.counts.differences, comparison.counts.expected) == (0, 2)
    assert comparison.counts.not_judged == len(cut.of("old")) + len(cut.of("new"))
