"""The comparison alone: decisions that the fold gives beside decisions that were found."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import orjson
import pytest

from handrail.audit.compare import Comparing, recheck
from handrail.audit.comparison import ABSENT, Comparison
from handrail.audit.decision_records import DecisionRecord
from handrail.audit.report import commands, difference_lines, first_difference, total
from handrail.audit.rules import Rules
from handrail.schemas.errors import ConfigError
from handrail.schemas.record import Record
from handrail.schemas.topics import DECISIONS
from tests.bundles import refunds
from tests.log import Log

RULES = Rules({refunds().ruleset: refunds()}, refunds().ruleset)
CHANGES = Callable[[dict[str, Any]], object]


def log() -> Log:
    """Two conversations: six decisions, one of them a release after an approval."""
    events = Log()
    events.query("Where is my parcel?")
    events.proposes("get_order", order_id="#1")
    events.proposes("refund", amount=300)
    handoff = events.fold(refunds()).handoffs[0]
    events.resolves(handoff, "approved")
    events.event("query.received", conversation="conv-2", text="I want to talk to a human")
    events.event("action.proposed", conversation="conv-2", action_id="b1", tool="refund", arguments={"amount": 900})
    return events


def decided(events: Log) -> list[bytes]:
    """What a worker writes about them."""
    outcome = events.fold(refunds())
    return [output.value for folded in outcome.folded for output in folded.outputs if output.topic == DECISIONS]


def compared(
    events: Iterable[Record], decisions: Iterable[bytes], *, end: int | None = None, beyond: int | None = None
) -> Comparison:
    """The comparison of partition 0, all read."""

    async def run() -> Comparison:
        records = list(events)
        ends = {} if end is None else {0: end}
        comparing = Comparing(stream(records), RULES, lambda _: None, ends, {} if beyond is None else {0: beyond})
        await comparing.take(stream(DecisionRecord(0, number, value) for number, value in enumerate(decisions)))
        await comparing.fold_all()
        await recheck(comparing.of(0), stream(records), RULES)
        comparing.of(0).end()
        return comparing.of(0)

    return asyncio.run(run())


async def stream(values: Iterable[Any]) -> AsyncIterator[Any]:
    for value in values:
        yield value


def changed(value: bytes, change: CHANGES) -> bytes:
    event: dict[str, Any] = orjson.loads(value)
    change(event)
    return orjson.dumps(event)


def counts(comparison: Comparison) -> tuple[int, int, int, int, int]:
    counted = comparison.counts
    return counted.found, counted.repeats, counted.missing, counted.changed, counted.foreign


def test_what_the_worker_wrote_is_what_the_log_gives() -> None:
    comparison = compared(log().records, decided(log()))
    assert counts(comparison) == (6, 0, 0, 0, 0)
    assert (comparison.counts.records, comparison.counts.expected, comparison.first) == (6, 6, None)


def test_identical_copies_are_no_difference_wherever_they_come() -> None:
    written = decided(log())
    comparison = compared(log().records, [*written[:3], *written[1:], *written])
    assert counts(comparison) == (6, 8, 0, 0, 0)
    assert comparison.first is None


def test_the_order_of_the_decisions_is_no_difference() -> None:
    assert counts(compared(log().records, reversed(decided(log())))) == (6, 0, 0, 0, 0)


def test_a_signature_is_no_difference() -> None:
    signed = [changed(value, lambda event: event["data"].update(signature={"value": "…"})) for value in decided(log())]
    assert counts(compared(log().records, signed)) == (6, 0, 0, 0, 0)


def test_a_missing_decision_is_told_with_its_event() -> None:
    written = decided(log())
    comparison = compared(log().records, [*written[:2], *written[3:]])
    assert counts(comparison) == (5, 0, 1, 0, 0)
    assert comparison.first is not None
    assert (comparison.first.kind, comparison.first.key) == (
        "missing",
        (2, "conv-1", "/agents/refunds", "e2", "action"),
    )
    assert ("decision", f"action {orjson.loads(written[2])['data']['decision_id']}") in difference_lines(
        comparison.first, []
    )


def test_a_changed_verdict_is_told_with_both_values() -> None:
    written = decided(log())
    written[2] = changed(written[2], lambda event: event["data"].update(verdict="allow", customer_message=None))
    comparison = compared(log().records, written)
    assert counts(comparison) == (5, 0, 0, 1, 0)
    assert comparison.first is not None
    assert (comparison.first.decision, comparison.first.event_type) == (
        DecisionRecord(0, 2, written[2]),
        "handrail.action.proposed.v1",
    )
    verdict = comparison.first.fields[0]
    assert (verdict.name, verdict.expected, verdict.actual) == ("data.verdict", "require_approval", "allow")
    assert ("verdict", 'the log gives "require_approval", the topic has "allow"') in difference_lines(
        comparison.first, []
    )
    assert commands(comparison.first, ["--bootstrap", "kafka:1"])[0] == (
        "handrail export conv-1 --bundle as-decided --bootstrap kafka:1 > events.jsonl"
    )


def test_a_field_that_is_gone_or_new_is_changed_too() -> None:
    written = decided(log())
    written[0] = changed(written[0], lambda event: event["data"].pop("usage"))
    written[1] = changed(written[1], lambda event: event["data"].update(more=[1]))
    comparison = compared(log().records, written)
    assert counts(comparison) == (4, 0, 0, 2, 0)
    assert comparison.first is not None
    assert [(field.name, field.actual) for field in comparison.first.fields] == [("data.usage", ABSENT)]


def test_a_decision_without_an_event_is_foreign() -> None:
    written = decided(log())
    other = changed(written[0], lambda event: event["data"]["for"].update(id="nobody"))
    comparison = compared(log().records, [written[0], other, *written[1:]])
    assert counts(comparison) == (6, 0, 0, 0, 1)
    assert comparison.first is not None
    assert (comparison.first.kind, comparison.first.why) == ("foreign", "no record of the log asks for it")


def test_another_verdict_inserted_long_after_the_right_one_is_found() -> None:
    written = decided(log())
    late = changed(written[0], lambda event: event["data"].update(verdict="block"))
    comparison = compared(log().records, [*written, written[0], late])
    assert counts(comparison) == (6, 1, 0, 1, 0)


def test_what_came_long_after_is_judged_by_a_second_fold() -> None:
    written = decided(log())
    wrong = changed(written[0], lambda event: event["data"].update(verdict="block"))
    nobody = changed(written[0], lambda event: event["data"]["for"].update(id="nobody"))
    comparison = Comparison(0, answered_max=1)
    for value in written:
        comparison.expect(value)
    for number, value in enumerate([*written, written[0], wrong, nobody]):
        comparison.take(DecisionRecord(0, number, value))
    assert (len(comparison.suspects), counts(comparison)) == (2, (6, 0, 0, 0, 0))
    asyncio.run(recheck(comparison, stream(log().records), RULES))
    comparison.end()
    assert counts(comparison) == (6, 1, 0, 1, 1)


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"[]", b"{}", b'{"data":{"for":1}}', json.dumps({"data": {}}).encode()]
)
def test_what_cannot_be_read_is_foreign(value: bytes | None) -> None:
    comparison = compared(log().records, [value or b"", *decided(log())])
    assert counts(comparison) == (6, 0, 0, 0, 1)
    assert comparison.first is not None
    assert difference_lines(comparison.first, [])[0] == ("difference", "foreign: it cannot be read as a decision")


def test_a_decision_in_another_partition_than_it_says_is_foreign() -> None:
    written = decided(log())
    written[0] = changed(written[0], lambda event: event["data"]["position"].update(partition=3))
    assert counts(compared(log().records, written)) == (5, 0, 1, 0, 1)


def test_decisions_for_what_came_after_the_end_are_not_judged() -> None:
    comparison = compared(log().records[:4], decided(log()), end=4, beyond=6)
    assert (counts(comparison), comparison.counts.not_judged) == ((4, 0, 0, 0, 0), 2)


def test_a_decision_for_an_offset_that_no_event_has_yet_is_foreign() -> None:
    comparison = compared(log().records[:4], decided(log()), end=4, beyond=5)
    assert (counts(comparison), comparison.counts.not_judged) == ((4, 0, 0, 0, 1), 1)


def test_without_a_known_end_what_is_behind_the_last_event_is_not_judged() -> None:
    comparison = compared(log().records[:4], decided(log()))
    assert (counts(comparison), comparison.counts.not_judged) == ((4, 0, 0, 0, 0), 2)


def test_only_decisions_missing_at_the_end_may_still_come() -> None:
    comparison, written = Comparison(0), decided(log())
    for value in written:
        comparison.expect(value)
    comparison.take(DecisionRecord(0, 0, written[-2]))
    assert comparison.waiting
    comparison.take(DecisionRecord(0, 1, written[-1]))
    assert not comparison.waiting


def test_the_first_difference_is_the_first_on_the_log() -> None:
    written = decided(log())
    written[4] = changed(written[4], lambda event: event["data"].update(verdict="halt"))
    comparison = compared(log().records, [written[4], *written[1:4], written[5]])
    assert (comparison.counts.missing, comparison.counts.changed) == (1, 1)
    one = first_difference([comparison])
    assert one is not None
    assert (one.kind, one.key and one.key[0]) == ("missing", 0)
    assert total([comparison, comparison]).differences == 4


def test_a_bundle_that_nobody_has_is_one_line() -> None:
    events = log()
    events.control("policies.activated", ruleset="sha256:" + "0" * 64)
    with pytest.raises(ConfigError, match=r"partition 0, offsets 0 to 6: activate sha256:0+, which is not among"):
        compared(events.records, [])
