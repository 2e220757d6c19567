"""What holds for every log: cut anywhere, killed anywhere, repeated anywhere."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from handrail.schemas.record import Record, StateWrite
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.replay import shown
from handrail.streams.governor.state import encode
from tests.bundles import refunds
from tests.log import Log, Outcome

HOURS = 3600
steps = st.one_of(
    st.tuples(st.just("propose"), st.integers(0, 2), st.sampled_from([50, 300, 900])),
    st.tuples(st.just("do"), st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.just("query"), st.integers(0, 2), st.sampled_from(["Where is my parcel?", "I want a human", "fraud"])),
    st.tuples(st.just("spend"), st.integers(0, 2), st.sampled_from(["0.5", "6"])),
    st.tuples(st.just("answer"), st.integers(0, 2), st.sampled_from(["It comes on Monday.", "Sorry about that."])),
    st.tuples(st.just("end"), st.integers(0, 2), st.just("resolved")),
    st.tuples(st.just("button"), st.integers(0, 2), st.none()),
    st.tuples(st.just("resolve"), st.integers(0, 2), st.sampled_from(["approved", "denied", "returned", "resolved"])),
    st.tuples(st.just("wait"), st.integers(0, 2), st.sampled_from([1, HOURS, 25 * HOURS])),
    st.tuples(st.just("repeat"), st.integers(0, 40), st.none()),
    st.tuples(st.just("junk"), st.integers(0, 2), st.just(b"{broken")),
)
logs = st.lists(steps, min_size=1, max_size=40)


def written(plan: list[tuple[Any, ...]]) -> list[Record]:  # noqa: C901
    """The log of a plan. Resolutions answer whatever handoff is open when they come."""
    log = Log()
    for kind, who, what in plan:
        log.conversation = f"conv-{who % 3}"
        match kind:
            case "propose":
                log.proposes("refund", amount=what)
            case "do":
                log.does("get_order", order_id=what, result=what)
            case "query":
                log.query(what)
            case "spend":
                log.spends(what)
            case "answer":
                log.answers(what)
            case "end":
                log.event("execution.ended", outcome=what)
            case "button":
                log.event("human.requested")
            case "wait":
                log.wait(what).control("tick")
            case "junk":
                log.raw(b"conv-0", what)
            case "repeat" if log.records:
                old = log.records[who % len(log.records)]
                log.raw(old.key, old.value)
            case "resolve":
                answerable(log, what)
    return log.records


def answerable(log: Log, outcome: str) -> None:
    opened = log.fold(refunds(), batch=1000).handoffs
    handoffs = [handoff for handoff in opened if handoff["conversation_id"] == log.conversation]
    if handoffs:
        log.resolves(handoffs[-1], outcome)


def fresh() -> PartitionFold:
    return PartitionFold(0, None, {refunds().ruleset: refunds()}, refunds().ruleset)


def whole(records: list[Record]) -> list[dict[str, Any]]:
    fold = fresh()
    return Outcome(fold, [fold.fold(records)]).records


@settings(max_examples=150, deadline=None)
@given(logs, st.lists(st.integers(0, 60), max_size=6))
def test_a_split_log_folds_like_the_whole_one(plan: list[tuple[Any, ...]], cuts: list[int]) -> None:
    records = written(plan)
    fold, parts, before = fresh(), [], 0
    for cut in [*sorted(cut for cut in cuts if cut < len(records)), len(records)]:
        parts.append(fold.fold(records[before:cut]))
        before = max(before, cut)
    assert Outcome(fold, parts).records == whole(records)


@settings(max_examples=150, deadline=None)
@given(logs, st.lists(st.integers(1, 60), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_a_crash_anywhere_leads_to_the_same_decisions(plan: list[tuple[Any, ...]], kills: list[int], dice: Any) -> None:
    """Kill at any point of the delivery order: outputs are acknowledged before states, states before the position."""
    records = written(plan)
    changelog: list[StateWrite] = []
    produced: list[dict[str, Any]] = []
    fold, at = fresh(), 0
    while at < len(records):
        size = dice.randint(1, 8)
        folded = fold.fold(records[at : at + size])
        writes = [*folded.states, folded.partition_state]
        outputs = [shown(output) for output in folded.outputs]
        if kills and dice.random() < 0.4:
            kills.pop()
            done = dice.randint(0, len(outputs) + len(writes))
            produced += outputs[:done]
            changelog += writes[: max(0, done - len(outputs))]
            fold = recovered(changelog, dice)
            at = next((n for n, record in enumerate(records) if record.offset > fold.position), len(records))
            at = max(0, at - dice.randint(0, 5))
            continue
        produced += outputs
        changelog += writes
        at += size
    expected = whole(records)
    assert {identity(record): record for record in expected} == {identity(record): record for record in produced}
    for record in produced:
        assert record == next(other for other in expected if identity(other) == identity(record))


def identity(record: dict[str, Any]) -> tuple[Any, ...]:
    """A repeat is told from the decision it repeats by its position."""
    return record["type"], record["id"], str(record["data"].get("position")), str(record["data"].get("at"))


def recovered(changelog: list[StateWrite], dice: Any) -> PartitionFold:
    """A new owner, which reads the changelog; a zombie may have put old writes behind new ones."""
    fold = fresh()
    late_writes = [dice.choice(changelog) for _ in range(3)] if changelog else []
    for write in [*changelog, *late_writes]:
        fold.load(write.key, write.value, write.position)
    fold.recovered()
    return fold


@settings(max_examples=60, deadline=None)
@given(logs)
def test_a_repeated_record_changes_no_state_but_its_position(plan: list[tuple[Any, ...]]) -> None:
    records = [record for record in written(plan) if record.value != b"{broken"]
    if not records or b"control" in records[-1].value:
        return
    fold, last = fresh(), records[-1]
    fold.fold(records)
    before = heads(fold)
    again = Record(last.topic, 0, last.offset + 1, last.timestamp_ms, last.key, last.value)
    for output in fold.fold([again]).outputs:
        assert shown(output)["data"]["repeat"] is True
    after = heads(fold)
    assert last.key is not None
    assert last.key.decode() in after
    assert all(before[name] == head for name, head in after.items())  # fewer: what its day has made forgotten


def heads(fold: PartitionFold) -> dict[str, Any]:
    """All heads, but for when they were last touched."""
    encoded = {}
    for name, _, _ in fold.memory.sizes():
        head = fold.memory.head(name)
        head.position = head.updated_ms = 0
        encoded[name] = encode(head)
    return encoded


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["0.9", "3", "7"]), max_size=12), st.integers(1, 5))
def test_a_limit_is_never_exceeded_by_an_allowed_action(costs: list[str], batch: int) -> None:
    log = Log()
    for number, cost in enumerate(costs):
        log.spends(cost)
        log.proposes("get_order", order_id=number)
    for decision in log.fold(refunds(), batch=batch).decisions:
        if decision["verdict"] == "allow":
            assert float(decision["usage"]["cost_usd"]) <= 10
            assert decision["usage"]["steps"] <= 100
