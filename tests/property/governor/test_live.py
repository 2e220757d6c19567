"""Conversations that stay decoded change nothing: not what is decided, not what is stored, not after a failure."""

from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.schemas.errors import FoldError
from handrail.schemas.record import Record
from handrail.streams.governor import batch as overlay
from handrail.streams.governor import live_conversations, state
from handrail.streams.governor.batch import UnknownBundle
from handrail.streams.governor.live_conversations import CONVERSATION_BYTES, HEAD_TIMES, LiveConversations
from handrail.streams.governor.partition import Folded, PartitionFold
from handrail.streams.governor.state import Conversation
from handrail.streams.governor.state_store import StateStore
from handrail.streams.governor.working_conversation import WorkingConversation
from tests.bundles import refunds
from tests.log import Log
from tests.property.governor.test_fold import logs, written

NONE, FEW, MANY = 0, 2 * CONVERSATION_BYTES + 5_000, live_conversations.LIVE_BYTES_MAX
UNKNOWN = "sha256:" + "0" * 64
HOUR_S = 3600


def fresh() -> PartitionFold:
    return PartitionFold(0, None, {refunds().ruleset: refunds()}, refunds().ruleset)


def cut(records: list[Record], sizes: Sequence[int]) -> list[list[Record]]:
    """The records in batches of these sizes, in turn."""
    batches, at = [], 0
    while at < len(records):
        size = sizes[len(batches) % len(sizes)]
        batches.append(records[at : at + size])
        at += size
    return batches


def poison(after: Sequence[Record]) -> Record:
    """A record behind these that the fold cannot get past: it activates a bundle that nobody has."""
    log = Log()
    log.now_ms = after[-1].timestamp_ms
    log.control("policies.activated", ruleset=UNKNOWN)
    last = log.records[0]
    return Record(last.topic, 0, after[-1].offset + 1, last.timestamp_ms, last.key, last.value)


def fold_all(batches: list[list[Record]], bytes_max: int, failing: bool) -> list[Folded]:
    """What the batches are folded to; with `failing`, each is folded in vain before, with all records behind it."""
    fold, rest = fresh(), [record for batch in batches for record in batch]
    folded = []
    with patch.object(live_conversations, "LIVE_BYTES_MAX", bytes_max):
        for batch in batches:
            if failing:
                with pytest.raises(UnknownBundle):
                    fold.fold([*rest, poison(rest)])
            folded.append(fold.fold(batch))
            rest = rest[len(batch) :]
            assert fold.memory.live.bytes <= bytes_max
    return folded


@settings(max_examples=150, deadline=None)
@given(logs, st.lists(st.integers(1, 9), min_size=1, max_size=4), st.sampled_from([FEW, MANY]), st.booleans())
def test_folding_is_the_same_whatever_stays_decoded(
    plan: list[tuple[object, ...]], sizes: list[int], bytes_max: int, failing: bool
) -> None:
    batches = cut(written(plan), sizes)
    assert fold_all(batches, bytes_max, failing) == fold_all(batches, NONE, failing=False)


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, KeyboardInterrupt])
def test_a_batch_that_fails_leaves_no_trace(error: type[BaseException]) -> None:
    log = Log()
    for number in range(6):
        log.does("get_order", order_id=number)
    first, second, third = log.records[:4], log.records[4:8], log.records[8:]
    fold, untouched = fresh(), fresh()
    for each in (fold, untouched):
        each.fold(first)
    assert len(fold.memory.live) == 1
    step = overlay.step
    calls = iter([step, step, None])

    def failing(*arguments: object) -> object:
        if (call := next(calls)) is None:
            raise error
        return call(*arguments)  # type: ignore[arg-type]

    with patch.object(overlay, "step", failing), pytest.raises(FoldError if error is RuntimeError else error):
        fold.fold(second)
    assert len(fold.memory.live) == 0
    for batch in (second, third):
        assert fold.fold(batch) == untouched.fold(batch)


def test_what_comes_from_the_changelog_holds() -> None:
    log = Log()
    for number in range(4):
        log.does("get_order", order_id=number)
    fold, other = fresh(), fresh()
    fold.fold(log.records[:2])
    writes = [
        write for folded in (other.fold(log.records[:2]), other.fold(log.records[2:6])) for write in folded.states
    ]
    for write in writes:
        fold.load(write.key, write.value, write.position)
    assert len(fold.memory.live) == 0
    head = fold.memory.head("conv-1")
    assert head is not None
    assert head.position == 5


def test_the_ones_used_least_recently_leave() -> None:
    live = LiveConversations()
    size = CONVERSATION_BYTES + HEAD_TIMES * 100
    with patch.object(live_conversations, "LIVE_BYTES_MAX", 3 * size):
        for name in ("a", "b", "c"):
            live.keep(case(name), 100)
        taken = live.take("a")
        assert taken is not None
        assert (len(live), live.bytes, live.take("a")) == (2, 2 * size, None)
        live.keep(taken, 100)
        live.keep(case("d"), 100)
    assert [live.take(name) is not None for name in ("a", "b", "c", "d")] == [True, False, True, True]
    assert (len(live), live.bytes) == (0, 0)


def test_a_case_larger_than_all_is_not_kept() -> None:
    live = LiveConversations()
    with patch.object(live_conversations, "LIVE_BYTES_MAX", CONVERSATION_BYTES):
        live.keep(case("a"), 100)
    assert (len(live), live.bytes) == (0, 0)


def case(name: str) -> WorkingConversation:
    return WorkingConversation(name, Conversation(), {}, {})


def test_a_forgotten_conversation_is_decoded_no_more() -> None:
    memory = StateStore()
    memory.commit({"a": case("a"), "b": case("b")}, [], 0)
    memory.commit({}, ["a"], 1)
    assert [memory.conversation(name) is not None for name in ("a", "b")] == [False, True]


def test_a_case_is_as_its_stored_head_says() -> None:
    """What is known of the customer, which may be large, is not kept beside it."""
    log = Log()
    log.query("Where is my parcel?", customer={"ref": "c1", "account": {"plan": "gold"}})
    log.proposes("refund", amount=900)
    fold = fresh()
    fold.fold(log.records)
    stored = fold.memory.head("conv-1")
    case = fold.memory.conversation("conv-1")
    assert case is not None
    assert (case.head, case.customer_read, case.added, case.new_parts) == (stored, None, {}, {})
    assert state.encode(case.head) == state.encode(stored)
    assert case.customer["account"] == {"plan": "gold"}


def test_entries_of_an_earlier_life_leave_though_the_new_one_has_none() -> None:
    log = Log()
    log.query("Where is my parcel?")
    log.does("get_order", order_id=1)
    log.event("execution.ended", outcome="resolved")
    log.wait(25 * HOUR_S).spends("0.5")
    log.control("tick")
    fold = fresh()
    fold.fold(log.records[:4])
    assert fold.memory.entries_n == 3
    assert [write.key for write in fold.fold(log.records[4:5]).states] == [b"conv-1"]
    gone = fold.fold(log.records[5:]).states
    assert [(write.key, write.value) for write in gone] == [(b"conv-1\x00%d" % number, None) for number in range(3)]
    assert fold.memory.entries_n == 0
