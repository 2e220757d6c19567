"""Conversations that nobody ends, or that a person resolved, leave; what was decided against them stays."""

from typing import Any

import pytest

from handrail.policies import Bundle
from handrail.schemas.record import StateWrite
from handrail.schemas.signature import sign_record
from handrail.streams.governor import state
from handrail.streams.governor.partition import PartitionFold
from tests.bundles import REFUNDS, bundle
from tests.keys import key
from tests.log import Log, Outcome

HOUR, DAY = 3600, 24 * 3600
SECRET = "my cat is called Zanzibar"


def rules(limits: str = "") -> Bundle:
    return bundle(refunds=REFUNDS, agents="human_sources: [/desk]\n", **({"limits": limits} if limits else {}))


def remembered(outcome: Outcome) -> list[str]:
    return [name for name, _, _ in outcome.partition.memory.sizes()]


def kept_bytes(outcome: Outcome) -> int:
    return sum(head + more for _, head, more in outcome.partition.memory.sizes())


def changelog(outcome: Outcome) -> dict[bytes, bytes]:
    """What compaction leaves of the states."""
    found: dict[bytes, bytes] = {}
    for one in outcome.folded:
        for write in one.states:
            found.pop(write.key, None)
            if write.value is not None:
                found[write.key] = write.value
    return found


def holds_words(outcome: Outcome) -> bool:
    in_memory = (outcome.partition.memory.entries(name).values() for name in remembered(outcome))
    return any(b"Zanzibar" in raw for values in in_memory for raw in values) or any(
        b"Zanzibar" in raw for raw in changelog(outcome).values()
    )


def ticks(log: Log, *seconds: float) -> None:
    for one in seconds:
        log.wait(one).control("tick")


def test_a_conversation_that_nobody_ends_leaves_after_seven_days() -> None:
    log = Log()
    log.query(SECRET)
    log.does("get_order", order_id=1)
    ticks(log, 6.9 * DAY)
    assert remembered(log.fold(rules())) == ["conv-1"]
    ticks(log, 0.2 * DAY, 1)
    outcome = log.fold(rules())
    assert remembered(outcome) == []
    assert not changelog(outcome)


def test_370_days_of_conversations_that_nobody_ends_are_bounded() -> None:
    log, most = Log(), 0
    for day in range(370):
        for number in range(10):
            log.conversation = f"conv-{day}-{number}"
            log.query(f"{SECRET}, on day {day}")
            log.does("get_order", order_id=number)
        log.wait(DAY - 40)
    found = rules()
    fold = PartitionFold(0, None, {found.ruleset: found}, found.ruleset)
    for at in range(0, len(log.records), 30):
        fold.fold(log.records[at : at + 30])
        sizes = fold.memory.sizes()
        most = max(most, len(sizes))
        assert sum(head + more for _, head, more in sizes) < 200_000
    assert 70 <= most <= 90


def test_what_happens_keeps_it() -> None:
    log = Log()
    for number in range(20):
        log.wait(5 * DAY).query(f"What of order {number} now?")
    outcome = log.fold(rules())
    assert len({decision["chain"]["since"] for decision in outcome.decisions}) == 1


def test_it_comes_back_as_a_new_one() -> None:
    log = Log()
    for _ in range(2):
        for _ in range(2):
            log.does("get_order", order_id=1)
        log.wait(8 * DAY)
    log.does("get_order", order_id=1)
    outcome = log.fold(rules())
    assert outcome.verdicts == ["allow"] * 5
    assert [one["chain"]["before"] for one in outcome.decisions] == [0, 1, 0, 1, 0]


@pytest.mark.parametrize("limit_s", [60, 3600, DAY])
def test_the_limit_is_in_limits_yaml(limit_s: int) -> None:
    log = Log()
    log.query(SECRET)
    ticks(log, limit_s - 3)
    found = rules(f"memory: {{idle_s: {limit_s}}}")
    assert remembered(log.fold(found)) == ["conv-1"]
    ticks(log, 5, 1)
    assert remembered(log.fold(found)) == []


# --- what stays


def halted(log: Log) -> None:
    for _ in range(4):
        log.proposes("get_order", order_id=1)


def asks_for_a_person(log: Log) -> None:
    log.event("human.requested")


def denied(log: Log) -> None:
    log.proposes("refund", amount=300)
    log.resolves(log.fold(rules()).handoffs[-1], "denied")


def proposes(log: Log) -> Any:
    log.proposes("refund", amount=300)
    return log.fold(rules()).decisions[-1]


@pytest.mark.parametrize("days", [8, 40, 370])
@pytest.mark.parametrize("end", [False, True], ids=["open", "ended"])
@pytest.mark.parametrize("name", ["halted", "asks_for_a_person", "denied"])
def test_what_was_decided_against_it_stays_and_its_words_leave(name: str, end: bool, days: int) -> None:
    log = Log()
    log.query(SECRET)
    globals()[name](log)
    if end:
        log.event("execution.ended", outcome="resolved")
    ticks(log, days * DAY, 1, 1, 1)
    outcome = log.fold(rules())
    assert remembered(outcome) == ["conv-1"]
    assert not holds_words(outcome)
    assert kept_bytes(outcome) < 1_000
    again = proposes(log)
    code = {"halted": "halted", "asks_for_a_person": "owner.human", "denied": "approval.denied"}[name]
    assert again["verdict"] == {"halted": "halt"}.get(name, "block")
    assert code in [reason["code"] for reason in again["reasons"]]


def test_a_halted_one_that_was_returned_stays_halted() -> None:
    log = Log()
    halted(log)
    log.resolves(log.fold(rules()).handoffs[-1], "returned")
    log.event("execution.ended", outcome="resolved")
    ticks(log, 30 * DAY, 1, 1)
    assert proposes(log)["verdict"] == "halt"


def test_an_open_handoff_can_be_answered_after_a_year() -> None:
    log = Log()
    log.query("No bots, a human please.")
    handoff = log.fold(rules()).handoffs[-1]
    ticks(log, 370 * DAY, 1)
    log.resolves(handoff, "returned")
    log.query("Where is my parcel?")
    outcome = log.fold(rules())
    assert outcome.of("handoff.closed")[-1]["handoff_id"] == handoff["handoff_id"]
    assert outcome.decisions[-1]["route"] == "ai"
    ticks(log, 8 * DAY, 1)
    assert remembered(log.fold(rules())) == []


def test_an_approval_that_may_wait_for_a_month_is_answered_after_it_was_idle() -> None:
    log, found = Log(), rules(f"default: {{approval_ttl_s: {30 * DAY}}}")
    log.proposes("refund", amount=300)
    ticks(log, 10 * DAY, 1)
    log.resolves(log.fold(found).handoffs[-1], "approved", revision=1)
    outcome = log.fold(found)
    assert outcome.decisions[-1]["kind"] == "release"
    assert outcome.verdicts[-1] == "allow"


def test_a_call_that_is_told_after_it_was_idle_is_no_bypass() -> None:
    log = Log()
    calls = [log.proposes("get_order", order_id=number) for number in range(20)]
    ticks(log, 10 * DAY, 1)
    outcome = log.fold(rules())
    assert kept_bytes(outcome) < 1_000
    for number, action in enumerate(calls):
        log.executes("get_order", action, {}, order_id=number)
    assert not log.fold(rules()).of("alert")


def test_nor_is_one_whose_conversation_has_ended_and_it_leaves_after_a_month() -> None:
    log = Log()
    log.query(SECRET)
    action = log.proposes("get_order", order_id=1)
    log.event("execution.ended", outcome="resolved")
    ticks(log, 2 * DAY, 1)
    assert not holds_words(log.fold(rules()))
    log.executes("get_order", action, {}, order_id=1)
    assert not log.fold(rules()).of("alert")
    ticks(log, 40 * DAY, 1, 1)
    assert remembered(log.fold(rules())) == []


@pytest.mark.parametrize(("days", "verdict"), [(8, "block"), (25, "block"), (40, "allow")])
@pytest.mark.parametrize("end", [False, True], ids=["open", "ended"])
def test_what_a_sum_has_counted_outlasts_the_silence(days: int, verdict: str, *, end: bool) -> None:
    condition = "{sum: usd, by: conversation, over: 30d, operator: greater_than, value: 500}"
    rule = f"{{id: split, condition: {condition}, action: block}}"
    policy = f"id: p\nname: P\nrules:\n  default_action: allow\n  rules:\n    - {rule}\n"
    found = bundle(p=policy, tools="tools: {refund: {effect: write, fields: {usd: arguments.amount}}}")
    log = Log()
    for number in range(5):
        log.does("refund", {"ok": True}, amount=99 + number / 100)
    if end:
        log.event("execution.ended", outcome="resolved")
    ticks(log, days * DAY, 1, 1)
    log.proposes("refund", amount=98)
    assert log.fold(found).verdicts == ["allow"] * 5 + [verdict]


# --- a person resolves


def resolved(log: Log) -> None:
    log.query("No bots, a human please. " + SECRET)
    log.resolves(log.fold(rules()).handoffs[-1], "resolved")


def test_resolved_starts_the_day() -> None:
    log = Log()
    resolved(log)
    ticks(log, 23 * HOUR)
    outcome = log.fold(rules())
    assert remembered(outcome) == ["conv-1"]
    ticks(log, 2 * HOUR, 1)
    outcome = log.fold(rules())
    assert remembered(outcome) == []
    assert not holds_words(outcome)


def test_not_while_another_handoff_is_open() -> None:
    log = Log()
    log.proposes("refund", amount=900)
    resolved(log)
    ticks(log, 2 * DAY, 1)
    assert remembered(log.fold(rules())) == ["conv-1"]


def test_until_the_day_is_over_a_person_has_it() -> None:
    log = Log()
    resolved(log)
    log.wait(20 * HOUR)
    assert proposes(log)["reasons"][0]["code"] == "owner.human"


def test_whoever_writes_after_resolved_gets_a_person_again() -> None:
    log = Log()
    resolved(log)
    log.query("And what of my parcel?")
    ticks(log, 3 * DAY, 1)
    assert proposes(log)["verdict"] == "block"


# --- the same for every cut and crash


def busy() -> Log:
    log = Log()
    for number in range(12):
        log.conversation = f"conv-{number}"
        log.query(SECRET if number % 2 else "No bots, a human please.")
        (halted if number % 3 else denied)(log)
        for action in range(9):
            log.proposes("get_order", f"{number}-{action}", order_id=f"{number}-{action}")
        log.wait(DAY)
    for number in range(0, 12, 2):
        log.wait(2 * DAY).conversation = f"conv-{number}"
        log.proposes("refund", amount=200 + number)
        log.executes("get_order", f"{number}-3", {}, order_id=f"{number}-3")
    ticks(log, 8 * DAY, 1, 1)
    return log


def test_it_is_the_same_however_the_log_is_cut() -> None:
    log = busy()
    one = log.fold(rules())
    for batch in (2, 7, 1000):
        other = log.fold(rules(), batch)
        assert other.records == one.records


@pytest.mark.parametrize("batch", [1, 5, 40])
def test_it_is_the_same_after_a_crash_between_any_two_states(batch: int) -> None:
    log, found = busy(), rules()
    whole = [str(one) for one in log.fold(found).records]
    fold = PartitionFold(0, None, {found.ruleset: found}, found.ruleset)
    changelog_: list[StateWrite] = []
    for at in range(0, len(log.records), batch):
        folded = fold.fold(log.records[at : at + batch])
        assert folded.partition_state is not None
        writes = [*folded.states, folded.partition_state]
        for written in {0, 1, len(writes) // 2, len(writes) - 1}:
            successor = PartitionFold(0, None, {found.ruleset: found}, found.ruleset)
            for write in [*changelog_, *writes[:written]]:
                successor.load(write.key, write.value, write.position)
            successor.recovered()
            for again in Outcome(successor, [successor.fold(log.records[: at + batch + 20])]).records:
                assert str(again) in whole
        changelog_ += writes


def test_a_standby_and_a_successor_forget_it_too() -> None:
    log, found = Log(), rules()
    log.query(SECRET)
    written = [write for one in log.fold(found).folded for write in (*one.states, one.partition_state) if write]
    fold = PartitionFold(0, None, {found.ruleset: found}, found.ruleset)
    for write in written:
        fold.load(write.key, write.value, write.position)
        fold.follow()
    fold.recovered()
    ticks(log, 8 * DAY, 1)
    fold.fold(log.records)
    assert len(fold.memory) == 0


def test_an_event_that_says_it_is_of_next_year_makes_nobody_idle() -> None:
    log = Log()
    log.query(SECRET)
    event = log.event("query.received", conversation="conv-2", text="Hello there, you!")
    event["time"] = "2099-01-01T00:00:00Z"
    log.append({**event, "id": "later"})
    ticks(log, 1)
    assert sorted(remembered(log.fold(rules()))) == ["conv-1", "conv-2"]


def test_state_layout_has_no_new_version() -> None:
    assert state.VERSION == 2


# --- told to forget


@pytest.mark.parametrize("name", ["halted", "asks_for_a_person", "denied"])
def test_told_to_forget_it_keeps_no_word_and_what_was_decided_against_it(name: str) -> None:
    log = Log()
    log.query(SECRET)
    globals()[name](log)
    log.control("forget", subject="conv-1")
    ticks(log, 1, 1)
    outcome = log.fold(rules())
    assert remembered(outcome) == ["conv-1"]
    assert not holds_words(outcome)
    code = {"halted": "halted", "asks_for_a_person": "owner.human", "denied": "approval.denied"}[name]
    assert code in [reason["code"] for reason in proposes(log)["reasons"]]


def test_to_forget_what_is_not_known_begins_nothing() -> None:
    log = Log()
    log.control("forget", subject="conv-1")
    outcome = log.fold(rules())
    assert remembered(outcome) == []
    assert outcome.records == []


@pytest.mark.parametrize("record", ["forget", "memory"])
def test_nobody_forgets_without_a_key_where_one_counts(record: str) -> None:
    told = {"forget": {}, "memory": {"before_ms": 2**52, "full": True, "remembered": 1, "leaving": 1}}[record]
    log = Log()
    brought = [{"public": key().public.line, "uses": ["decisions", "controls", "resolutions"]}]
    said = {"ruleset": rules().ruleset, "keys": brought, "issuer": "/w", "partition": 0, "seq": 1}
    log.append(sign_record(key(), Log().control("policies.activated", **said)))
    log.query(SECRET)
    log.wait(2 * HOUR)
    more = {} if record == "forget" else {"conversations_max": 1}
    log.control(record, subject="conv-1" if record == "forget" else "control", **told, **more)
    log.query("Hello again, is it there?", conversation="conv-2")
    outcome = log.fold(rules())
    assert holds_words(outcome)
    assert [one["kind"] for one in outcome.of("alert")] == ["bypass"]
    assert outcome.verdicts == ["allow", "allow"]
