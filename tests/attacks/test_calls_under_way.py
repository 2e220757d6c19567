"""Many calls under way at once: what was allowed is known when it is told; what was forgotten is unknown, no guilt."""

import pytest

from handrail.policies import Bundle
from handrail.streams.governor import calls_under_way, state
from handrail.streams.governor.calls_under_way import ALLOWED_MAX, LOST_MAX
from tests.bundles import bundle
from tests.log import Log, Outcome

LIMITS = "default: {steps_max: 1000000, conversation_steps_max: 1000000, loop_iterations: 255, equal_calls_max: 255}"
POLICY = """
id: p
name: P
rules:
  default_action: allow
  rules:
    - {id: dear, condition: {field: arguments.amount, operator: greater_than, value: 500}, action: block}
"""
HEAD_BYTES_MAX = 1_200
FLOOD = ALLOWED_MAX + LOST_MAX + 200


def rules() -> Bundle:
    return bundle(p=POLICY, limits=LIMITS, tools="tools: {get_order: {effect: read}, refund: {effect: write}}")


def fan_out(log: Log, calls: int, tool: str = "get_order") -> list[str]:
    """Propose that many, none told yet."""
    return [log.proposes(tool, f"call-{number}", order_id=number) for number in range(calls)]


def report(log: Log, calls: list[int], tool: str = "get_order") -> None:
    for number in calls:
        log.executes(tool, f"call-{number}", {"n": number}, order_id=number)


def alerts(outcome: Outcome, kind: str) -> list[dict[str, object]]:
    return [alert for alert in outcome.of("alert") if alert["kind"] == kind]


def supervised(outcome: Outcome) -> list[str]:
    written = outcome.partition.stored(state.PARTITION_KEY)
    assert written is not None
    assert written.value is not None
    return [mode.reason for mode in state.decode_partition(written.value).modes]


def suspected(outcome: Outcome) -> int:
    return len(alerts(outcome, "bypass")) + len(supervised(outcome))


@pytest.mark.parametrize("calls", [8, 9, 16, 17, 20, 64, 255, 256])
@pytest.mark.parametrize("turned", [False, True], ids=["first first", "last first"])
def test_whatever_is_under_way_at_once_was_decided(calls: int, turned: bool) -> None:
    log = Log()
    fan_out(log, calls)
    report(log, sorted(range(calls), reverse=turned))
    outcome = log.fold(rules(), batch=50)
    assert outcome.verdicts == ["allow"] * calls
    assert not suspected(outcome)
    assert not outcome.of("alert")
    assert outcome.decisions[-1]["usage"]["steps"] == calls


def test_the_head_stays_small_with_256_under_way() -> None:
    log = Log()
    fan_out(log, 256)
    outcome = log.fold(rules(), batch=7)
    heads = [write.value for folded in outcome.folded for write in folded.states if write.key == b"conv-1"]
    assert max(len(head or b"") for head in heads) <= HEAD_BYTES_MAX


def test_what_a_fold_writes_for_each_of_256_stays_below_four_kilobytes() -> None:
    log = Log()
    fan_out(log, 256)
    report(log, list(range(256)))
    outcome = log.fold(rules())
    written = [sum(len(write.value or b"") for write in folded.states) for folded in outcome.folded]
    assert sum(written) / len(written) < 2_000
    assert max(written) < 7_000


def test_how_it_ended_may_follow_among_many() -> None:
    log = Log()
    fan_out(log, 100)
    for number in range(100):
        log.executes("get_order", f"call-{number}", None, "unknown", order_id=number)
    report(log, list(range(100)))
    outcome = log.fold(rules(), batch=30)
    assert not suspected(outcome)


@pytest.mark.parametrize("calls", [1, 20, 256])
def test_a_second_run_of_one_permission_is_a_bypass(calls: int) -> None:
    log = Log()
    fan_out(log, calls)
    report(log, list(range(calls)))
    report(log, [0])
    assert len(alerts(log.fold(rules()), "bypass")) == 1


@pytest.mark.parametrize("calls", [1, 20, 256])
def test_other_arguments_or_another_tool_under_a_known_id_are_a_bypass(calls: int) -> None:
    log = Log()
    fan_out(log, calls)
    log.executes("get_order", "call-0", {}, order_id="another")
    log.executes("refund", f"call-{calls - 1}", {}, order_id=calls - 1)
    assert len(alerts(log.fold(rules()), "bypass")) == 2


@pytest.mark.parametrize("calls", [1, 20, 256])
def test_what_was_blocked_and_ran_is_a_bypass_among_many(calls: int) -> None:
    log = Log()
    log.proposes("refund", "dear", amount=900)
    fan_out(log, calls)
    log.executes("refund", "dear", {}, amount=900)
    assert len(alerts(log.fold(rules()), "bypass")) == 1


def test_blocked_proposals_take_no_place_of_allowed_ones() -> None:
    log = Log()
    fan_out(log, 200)
    for number in range(400):
        log.proposes("refund", f"dear-{number}", amount=900 + number)
    report(log, list(range(200)))
    assert not suspected(log.fold(rules(), batch=100))


def test_beyond_256_what_was_forgotten_is_unknown_once_a_day() -> None:
    log = Log()
    fan_out(log, 300)
    report(log, list(range(300)))
    outcome = log.fold(rules(), batch=50)
    assert not suspected(outcome)
    (alert,) = outcome.of("alert")
    assert (alert["kind"], alert["severity"]) == ("unknown", "low")
    assert alert["evidence"]["allowed_max"] == ALLOWED_MAX


def test_the_next_day_it_is_said_again() -> None:
    log = Log()
    fan_out(log, 300)
    report(log, [0, 1])
    log.wait(24 * 3600)
    report(log, [2, 3])
    assert len(alerts(log.fold(rules(), batch=50), "unknown")) == 2


@pytest.mark.parametrize("calls", [300, 1000])
def test_a_flood_hides_no_bypass(calls: int) -> None:
    log = Log()
    log.proposes("refund", "dear", amount=900)
    fan_out(log, calls)
    log.executes("refund", "never-proposed", {}, amount=900)
    log.executes("refund", "dear", {}, amount=900)
    log.executes("refund", "call-0", {}, amount=900)
    outcome = log.fold(rules(), batch=100)
    assert [alert["severity"] for alert in alerts(outcome, "bypass")] == ["high"] * 3
    assert supervised(outcome) == ["bypass"]


def test_a_forgotten_permission_is_good_for_one_run_too() -> None:
    log = Log()
    fan_out(log, 300)
    report(log, [0, 0])
    outcome = log.fold(rules(), batch=100)
    assert [alert["kind"] for alert in outcome.of("alert")] == ["unknown", "bypass"]


def test_a_flood_ends_before_a_bypass_could_hide_in_it() -> None:
    log = Log()
    fan_out(log, FLOOD)
    log.executes("refund", "never-proposed", {}, amount=900)
    report(log, [0, 1, 2])
    outcome = log.fold(rules(), batch=200)
    assert outcome.verdicts.count("allow") < ALLOWED_MAX + LOST_MAX + 20
    assert outcome.codes() == ["limit.underway"]
    assert [alert["severity"] for alert in alerts(outcome, "bypass")] == ["high"]
    assert len(alerts(outcome, "unknown")) == 1


def test_whoever_tells_how_they_ended_goes_on() -> None:
    log = Log()
    fan_out(log, FLOOD)
    report(log, list(range(100)))
    log.proposes("get_order", "late", order_id="late")
    assert log.fold(rules(), batch=200).verdicts[-1] == "allow"


@pytest.mark.parametrize("batch", [1, 3, 200, 1000])
def test_it_is_the_same_however_the_log_is_cut(batch: int) -> None:
    log = Log()
    fan_out(log, 290)
    report(log, [*range(0, 290, 3), 5, 5])
    log.executes("refund", "never-proposed", {}, amount=900)
    cut, whole = log.fold(rules(), batch), log.fold(rules(), 17)
    assert cut.records == whole.records
    assert cut.partition.stored(b"conv-1") == whole.partition.stored(b"conv-1")


def test_a_permission_that_a_person_gave_is_known_among_many() -> None:
    log = Log()
    log.proposes("refund", "asks", amount=300)
    fan_out(log, 100)
    asking = bundle(p=POLICY.replace("action: block", "action: require_approval").replace("500", "200"), limits=LIMITS)
    log.resolves(log.fold(asking, batch=50).handoffs[0], "approved", revision=1)
    log.executes("refund", "asks", {}, amount=300)
    report(log, list(range(100)))
    assert not suspected(log.fold(asking, batch=50))


def test_of_an_id_that_was_proposed_twice_the_latest_counts() -> None:
    log = Log()
    log.proposes("get_order", "same", order_id=1)
    fan_out(log, 40)
    log.proposes("get_order", "same", order_id=2)
    log.executes("get_order", "same", {}, order_id=2)
    outcome = log.fold(rules())
    assert not suspected(outcome)
    log.executes("get_order", "same", {}, order_id=1)
    assert len(alerts(log.fold(rules()), "bypass")) == 1


def test_ids_that_lie_across_two_entries_are_not_found() -> None:
    entry = bytes(range(17))
    assert calls_under_way.find(entry * 3, bytes(range(9, 17))) == -1
    assert calls_under_way.find(entry + bytes(17), bytes(8)) == 17
