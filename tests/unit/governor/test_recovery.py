"""A fold that is recovered from a changelog whose last batch was written in part."""

from collections.abc import Iterable

import msgspec
import pytest

from handrail.schemas.errors import EngineError
from handrail.schemas.record import Record, StateWrite
from handrail.streams.governor import state
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.state import PARTITION_KEY, Conversation, PartitionState
from tests.bundles import refunds
from tests.log import Log

DAY = 24 * 3600


def test_a_head_of_another_version_is_refused_in_one_line() -> None:
    class Before(msgspec.Struct, array_like=True):
        position: int = 7
        updated_ms: int = 1

    fold = fresh()
    fold.load(b"conv-1", msgspec.msgpack.encode(Before()), 7, sure=True)
    with pytest.raises(EngineError, match=r"b'conv-1' cannot be read .* a worker of another version has written it"):
        fold.recovered()


def test_what_cannot_be_a_state_is_passed_over_and_remembered_as_doubtful() -> None:
    fold = fresh()
    assert not fold.load(b"conv-1", b"junk", 7)
    assert not fold.load(b"conv-2\x00p1x", b"junk", 7)
    log = Log()
    log.query("Where is my parcel?", conversation="conv-3")
    for write in writes(log.records):
        assert fold.load(write.key, write.value, write.position)
    assert not fold.load(b"conv-3", state.encode(Conversation(2)), 3)
    fold.recovered()
    assert fold.doubtful == {"conv-1", "conv-2"}
    assert head_of(fold, "conv-3").position == 0


def fresh() -> PartitionFold:
    return PartitionFold(0, None, {refunds().ruleset: refunds()}, refunds().ruleset)


def writes(records: list[Record], *cuts: int) -> list[StateWrite]:
    """The changelog when the records are folded in batches that end at the cuts and at the end."""
    fold, written, before = fresh(), [], 0
    for cut in [*cuts, len(records)]:
        folded = fold.fold(records[before:cut])
        assert folded.partition_state is not None
        written += [*folded.states, folded.partition_state]
        before = cut
    return written


def recovered(changelog: Iterable[StateWrite]) -> PartitionFold:
    fold = fresh()
    for write in changelog:
        fold.load(write.key, write.value, write.position)
    fold.recovered()
    return fold


def partition_of(fold: PartitionFold) -> PartitionState:
    written = fold.stored(PARTITION_KEY)
    assert written is not None
    assert written.value is not None
    return state.decode_partition(written.value)


def head_of(fold: PartitionFold, name: str) -> Conversation:
    head = fold.memory.head(name)
    assert head is not None
    return head


def test_a_bypass_supervises_the_agent_though_only_its_conversation_was_written() -> None:
    log = Log()
    log.query("Where is my parcel?")
    log.executes("refund", "a1", amount=50)
    fold = recovered(writes(log.records, 1)[:-1])
    assert partition_of(fold).position == 0
    assert [(supervision.agent_id, supervision.offset) for supervision in fold.fold(log.records).supervisions] == [
        ("refunds", 1)
    ]
    assert [(mode.agent_id, mode.mode) for mode in partition_of(fold).modes] == [("refunds", "supervised")]


def test_a_bypass_supervises_the_agent_though_its_conversation_has_begun_again_since() -> None:
    log = Log()
    log.query("Where is my parcel?", conversation="conv-2")
    log.executes("refund", "a1", amount=50)
    log.event("execution.ended", outcome="resolved")
    log.wait(DAY).event("execution.ended", outcome="resolved")
    fold = recovered(writes(log.records, 1)[:-1])
    fold.fold(log.records)
    assert [mode.mode for mode in partition_of(fold).modes] == ["supervised"]


def test_a_conversation_that_was_written_further_on_is_not_begun_anew() -> None:
    log = Log()
    log.event("execution.ended", outcome="resolved")
    log.event("human.requested")
    log.wait(DAY).control("tick")
    log.query("Is anybody there?")
    log.resolves(log.fold(refunds()).handoffs[0], "returned")
    fold = recovered(writes(log.records, 2)[:-1])
    assert head_of(fold, "conv-1").position == 4
    fold.fold(log.records)
    assert head_of(fold, "conv-1").first_offset == 0


def test_a_conversation_that_was_written_ahead_is_forgotten_in_a_later_batch() -> None:
    log = Log()
    log.event("message.sent", role="assistant", text="Hello.", conversation="conv-2")
    log.query("Where is my parcel?")
    log.event("execution.ended", outcome="resolved")
    before = writes(log.records, 1)[:-1]
    log.wait(DAY).control("tick")
    fold = recovered(before)
    assert fold.fold(log.records).states == []
    log.control("tick")
    assert [write.key for write in fold.fold(log.records).states] == [b"conv-1\x001", b"conv-1"]


def test_a_conversation_whose_approval_expires_when_its_day_is_over_already_is_forgotten() -> None:
    log = Log()
    log.proposes("refund", amount=300)
    log.event("execution.ended", outcome="resolved")
    log.wait(DAY + 3600).control("tick")
    fold = fresh()
    fold.fold(log.records)
    assert head_of(fold, "conv-1").approvals == []
    for _ in range(2):
        log.control("tick")
        fold.fold(log.records)
    assert "conv-1" not in fold.memory


def test_entries_and_parts_have_the_same_keys_however_the_log_is_cut() -> None:
    log = Log()
    log.query("Where is my parcel?", customer={"ref": "c-1"})
    log.event("execution.ended", outcome="resolved")
    log.wait(DAY).control("tick")
    log.query("Where is the other one?", customer={"ref": "c-2"})
    changelogs = [{write.key: write.value for write in writes(log.records, *cuts)} for cuts in ((), (2,), (2, 3))]
    for key in (b"conv-1", b"conv-1\x003", b"conv-1\x00p48"):
        assert len({changelog[key] for changelog in changelogs}) == 1


def test_keys_that_an_old_writer_has_overwritten_are_known() -> None:
    log = Log()
    log.query("Where is my parcel?")
    old = writes(log.records)
    log.query("It is late.")
    new = writes(log.records)
    assert recovered([*old, *new]).overwritten == set()
    assert recovered([*old, *new, *old]).overwritten == {b"conv-1", b"conv-1\x000", PARTITION_KEY}
    assert recovered([*old, *new, *old, *new]).overwritten == set()


def test_what_a_half_written_batch_has_left_is_removed() -> None:
    log = Log()
    log.query("Where is my parcel?")
    log.query("It is late.")
    changelog = writes(log.records)
    fold = recovered([write for write in changelog if write.key == b"conv-1\x001"])
    assert fold.memory.entries_n == 0
    assert [write.key for write in fold.fold(log.records[:1]).states if write.value is None] == [b"conv-1\x001"]
