"""Decisions checked against each other alone: what is gone, changed or put in is named, copies and repeats are not."""

import random
from collections.abc import Callable, Iterable
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from handrail.audit import links as chains
from handrail.audit.decision_records import DecisionRecord
from handrail.audit.links import Break, Links
from handrail.audit.report import break_lines, chain_as_json, chain_total, chain_verdict
from handrail.policies import load_bundle
from handrail.schemas.chain import START
from handrail.schemas.signature import sign_batch
from handrail.schemas.topics import DECISIONS
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.state import REMAINS_MS
from tests.crash.load import traffic
from tests.keys import key
from tests.log import Log

CHANGE = Callable[[dict[str, Any]], object]


def decided(log: Log) -> list[bytes]:
    """What a worker writes about the log."""
    bundle = load_bundle(None)
    outputs = PartitionFold(0, None, {bundle.ruleset: bundle}, bundle.ruleset).fold(log.records).outputs
    return [one.value for one in outputs if one.topic == DECISIONS]


@pytest.fixture
def written() -> list[bytes]:
    """Two conversations of five decisions each, of which one is a repeat."""
    log = Log()
    for number in range(4):
        for name in ("conv-1", "conv-2"):
            log.conversation = name
            log.proposes("get_order", order_id=f"A-{number}", weight=0.5)
            if number == 1:
                log.append(orjson.loads(log.records[-1].value or b""))
    return decided(log)


def checked(values: Iterable[bytes | None], *, complete: bool = True, offset: int = 0) -> Links:
    links = Links(0, complete)
    for at, value in enumerate(values, offset):
        links.take(DecisionRecord(0, at, value))
    assert links.counts.decisions == sum(
        (links.counts.linked, links.counts.repeats, links.counts.unchecked, links.counts.breaks)
    )
    return links


def broken(values: Iterable[bytes | None], *, complete: bool = True) -> Break:
    first_break = checked(values, complete=complete).first
    assert first_break is not None
    return first_break


def changed(value: bytes, change: CHANGE) -> bytes:
    event: dict[str, Any] = orjson.loads(value)
    change(event["data"])
    return orjson.dumps(event)


def of(values: list[bytes], name: str) -> list[bytes]:
    return [value for value in values if orjson.loads(value)["subject"] == name]


def halts(data: dict[str, Any]) -> None:
    data["verdict"] = "halt"


def test_what_a_worker_wrote_is_linked(written: list[bytes]) -> None:
    counts = checked(written).counts
    assert (counts.linked, counts.repeats, counts.breaks, counts.conversations, counts.later) == (8, 2, 0, 2, 0)
    assert chain_verdict(counts) == "no break: 10 decisions of 2 conversations, each in its place"


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("seed", range(20))
def test_copies_are_no_break_wherever_they_come(seed: int, signed: bool) -> None:
    """A worker that was killed decides again from some place on; one that was stopped writes late what it had."""
    chance = random.Random(seed)
    log = Log()
    log.records = [replace(record, offset=at) for at, record in enumerate(traffic(seed, 5, 10))]
    values, first_break, at = decided(log), [], 0
    while at < len(values):
        end = chance.randrange(at, len(values) + 1)
        first_break += values[at:end]
        late = chance.randrange(0, end + 1)
        first_break += values[late : chance.randrange(late, end + 1)]
        at = chance.randrange(max(0, end - 20), end + 1) if chance.random() < 0.5 else end
    if signed:
        first_break = [changed(value, lambda data: data.update(signature={"value": "…"})) for value in first_break]
    links = checked(first_break)
    assert links.first is None
    assert links.counts.linked + links.counts.repeats == len(first_break)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_one_taken_away_is_named_at_the_next_one(written: list[bytes], number: int) -> None:
    gone = of(written, "conv-1")[number]
    at = written.index(of(written, "conv-1")[number + 1]) - 1
    left = [value for value in written if value != gone]
    first_break = broken(left)
    assert (first_break.record, first_break.conversation) == (DecisionRecord(0, at, left[at]), "conv-1")
    assert first_break.why.startswith("missing before it: 1 of its conversation")
    assert checked(left).counts.breaks == 1


@pytest.mark.parametrize(("number", "says"), [(0, 2), (1, 3), (3, 4)])
def test_one_changed_is_named_with_the_next_one(written: list[bytes], number: int, says: int) -> None:
    first, after = (written.index(of(written, "conv-2")[at]) for at in (number, number + 1))
    written[first] = changed(written[first], halts)
    first_break = broken(written)
    assert (first_break.record.offset, first_break.before, first_break.conversation) == (after, first, "conv-2")
    assert (first_break.number, first_break.why) == (says, chains.OTHER_BEFORE)
    assert first_break.expected_digest != first_break.digest == orjson.loads(written[after])["data"]["chain"]["digest"]


def test_one_put_in_is_named(written: list[bytes]) -> None:
    forged = changed(written[2], halts)
    assert broken([*written[:3], forged, *written[3:]]).why == chains.OTHER_HERE
    before = broken([*written[:2], forged, *written[2:]])
    assert (before.record.offset, before.before, before.why) == (3, 2, chains.OTHER_HERE)
    assert broken([*written, forged]).record.offset == len(written)
    foreign = changed(written[-1], lambda data: data.update(chain={"since": 0, "before": 2, "digest": "0" * 64}))
    assert broken([*written, foreign]).record.value == foreign


def test_what_is_cut_off_at_the_end_or_whole_is_not_seen(written: list[bytes]) -> None:
    assert checked(written[:-3]).first is None
    assert checked(of(written, "conv-1")).first is None
    assert checked([*written[:-1], changed(written[-1], halts)]).first is None


def test_a_conversation_whose_beginning_retention_removed_begins_where_it_is(written: list[bytes]) -> None:
    links = checked(written[3:], complete=False, offset=300)
    counts = links.counts
    assert (counts.linked, counts.repeats, counts.breaks, counts.conversations, counts.later) == (5, 2, 0, 2, 2)
    assert "2 of these were checked from a later decision than their first one on" in chain_verdict(
        chain_total([links])
    )
    assert broken([*written[3:6], *written[8:]], complete=False).why.startswith("missing before it")
    copied = checked([*written[6:], *written[2:]], complete=False)
    assert (copied.first, copied.counts.unchecked) == (None, 2)
    assert broken(written[3:]).why == "missing before it: 2 of its conversation, from number 1 on"


def anew() -> tuple[list[bytes], int]:
    """A conversation that ends, is forgotten and comes again, and where it does."""
    log = Log()
    log.proposes("get_order", order_id="A-1")
    log.proposes("get_order", order_id="A-2")
    log.event("execution.ended", outcome="resolved")
    log.wait(REMAINS_MS / 1000 + 60)  # its calls were never told
    log.query("Me again.", conversation="conv-2")
    begun = len(log.records)
    log.proposes("get_order", order_id="A-3")
    log.proposes("get_order", order_id="A-4")
    bundle = load_bundle(None)
    fold = PartitionFold(0, None, {bundle.ruleset: bundle}, bundle.ruleset)
    outputs = [out for record in log.records for out in fold.fold([record]).outputs]
    return [out.value for out in outputs if out.topic == DECISIONS and out.key == b"conv-1"], begun


def test_a_conversation_that_was_forgotten_begins_a_new_chain() -> None:
    values, begun = anew()
    assert orjson.loads(values[2])["data"]["chain"] == {"since": begun, "before": 0, "digest": START.hex()}
    for copies in ([*values, *values], [*values[:3], values[1], *values[2:]]):
        links = checked(copies)
        assert (links.first, links.counts.conversations) == (None, 2)
    assert broken([*values[:2], values[3]]).why == "missing before it: 1 of its conversation, from number 1 on"
    assert broken([*values[:2], values[3]], complete=False).number == 2
    assert broken([values[0], values[2], values[1]]).why == chains.EARLIER_GENERATION.format(0, begun)
    assert broken([*values, changed(values[1], halts)]).why == chains.OTHER_HERE


def test_one_that_says_it_begins_anew_in_between_is_named(written: list[bytes]) -> None:
    def begins(data: dict[str, Any]) -> None:
        since = data["position"]["offset"]
        data["chain"] = {"since": since, "before": 0, "digest": START.hex()}

    one = of(written, "conv-1")
    first_break = broken([*one[:3], changed(one[3], begins), *one[3:]])
    assert (
        first_break.record.offset,
        first_break.why.startswith("its conversation began at offset 0, and was begun anew"),
    ) == (
        4,
        True,
    )
    assert broken([*one[:4], changed(one[1], begins), *one[4:]]).why.startswith(
        "it says that its conversation was begun"
    )


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda data: data.pop("chain"), chains.NO_PLACE),
        (lambda data: data.update(chain=[]), chains.NO_PLACE),
        (lambda data: data["chain"].update(before=-1), chains.NO_PLACE),
        (lambda data: data["chain"].update(before=True), chains.NO_PLACE),
        (lambda data: data["chain"].update(before=2.0), chains.NO_PLACE),
        (lambda data: data["chain"].update(digest="ff"), chains.NO_PLACE),
        (lambda data: data["chain"].update(digest="zz" * 32), chains.NO_PLACE),
        (lambda data: data["chain"].update(digest=" " * 64), chains.NO_PLACE),
        (lambda data: data["chain"].update(digest=7), chains.NO_PLACE),
        (lambda data: data["chain"].update(since=10_000), chains.NO_PLACE),
        (
            lambda data: data["chain"].update(before=10**15),
            "missing before it: 999,999,999,999,998 of its conversation",
        ),
        (lambda data: data.update(conversation_id="conv-2"), chains.TWO_NAMES),
        (lambda data: data["position"].update(partition=3), "it says that it belongs to partition 3"),
        (lambda data: data["position"].update(offset=1), "it answers offset 1, the decision before it a later one"),
        (lambda data: data.clear(), chains.UNREADABLE),
    ],
)
def test_what_has_no_place_is_named(written: list[bytes], change: CHANGE, why: str) -> None:
    one = of(written, "conv-1")
    one[2] = changed(one[3], change)
    first_break = broken(one)
    assert first_break.why.startswith(why)
    assert first_break.record.offset in (2, 3)


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"{}"])
def test_what_is_no_decision_is_named(written: list[bytes], value: bytes | None) -> None:
    assert broken([*written[:2], value, *written[2:]]).why == chains.UNREADABLE


def test_a_first_one_with_the_digest_of_others_is_named(written: list[bytes]) -> None:
    written[0] = changed(written[0], lambda data: data["chain"].update(digest="ab" * 32))
    assert broken(written).why == chains.NO_START


def test_the_break_is_told_for_people_and_programs(written: list[bytes]) -> None:
    links = checked([*written[:1], *written[2:]])
    assert links.first is not None
    assert ("decision", f"{DECISIONS}[0] offset 3") in break_lines(links.first)
    assert ("number", "2 of its conversation, as it says itself") in break_lines(links.first)
    told = orjson.loads(chain_as_json([links]))
    assert (told["same"], told["breaks"], told["first_break"]["decision_offset"]) == (False, 1, 3)
    assert told["first_break"]["conversation_id"] == "conv-2"


def test_with_keys_each_decision_has_to_be_signed_with_one_of_them(written: list[bytes]) -> None:
    signed = sign_batch(key(), written)
    ours, theirs = {key().id: key().public}, {key("other").id: key("other").public}
    for keys, breaks in ((ours, 0), (theirs, len(signed)), (None, 0)):
        links = Links(0, complete=True, keys=keys)
        for at, value in enumerate(signed):
            links.take(DecisionRecord(0, at, value))
        assert links.counts.breaks == breaks
    links = Links(0, complete=True, keys=ours)
    links.take(DecisionRecord(0, 0, written[0]))
    assert links.first is not None
    assert links.first.why == "it is not signed"
