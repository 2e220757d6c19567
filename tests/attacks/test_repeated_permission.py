"""A permission ends once: a proposal that comes again gets its decision again, with the end that it had at first."""

from typing import Any

import pytest

from handrail.policies import Bundle
from handrail.schemas.clock import to_ms
from handrail.streams.governor.partition import PartitionFold
from tests.bundles import REFUNDS, bundle, refunds
from tests.log import Log, Outcome

DAY_S = 24 * 3600.0
LATER_S = (0.5, 59.0, 61.0, 3600.0, DAY_S, 2 * DAY_S)


def ends(decision: dict[str, Any]) -> tuple[str, str, str]:
    """What a gate goes by."""
    return decision["decision_id"], decision["verdict"], decision["expires_at"]


@pytest.mark.parametrize("batch", [1, 100])
def test_a_repeat_carries_the_first_end_however_late_it_comes(batch: int) -> None:
    log = Log()
    for later_s in (0.0, *LATER_S):
        log.wait(later_s)
        log.proposes("refund", "a1", event_id="e1", amount=20)
    first, *again = log.fold(refunds(), batch).decisions
    assert len(again) == len(LATER_S)
    assert {ends(decision) for decision in again} == {ends(first)}
    assert all(decision["repeat"] for decision in again)
    assert to_ms(first["expires_at"]) == log.records[0].timestamp_ms + 60_000


def test_what_lies_in_a_sealed_block_of_the_guard_keeps_its_end_too() -> None:
    log = Log()
    for number in range(60):
        log.wait(number)
        log.proposes("get_order", f"a{number}", event_id=f"e{number}", order_id=number)
    log.wait(DAY_S / 2)
    for number in range(60):
        log.proposes("get_order", f"a{number}", event_id=f"e{number}", order_id=number)
    decisions = log.fold(refunds()).decisions
    assert [ends(decision) for decision in decisions[60:]] == [ends(decision) for decision in decisions[:60]]


def test_an_answer_to_the_customer_ends_once_too() -> None:
    log = Log()
    for later_s in (0.0, DAY_S):
        log.wait(later_s)
        log.event("response.proposed", id="r1", response_id="r1", text="Your parcel comes on Friday.")
    first, again = log.fold(refunds()).decisions
    assert again["repeat"]
    assert ends(first) == ends(again)


@pytest.mark.parametrize(("before_s", "after_s"), [(60, 3600), (3600, 1), (7, 60)])
def test_a_bundle_with_another_end_changes_nothing_for_what_was_decided(before_s: int, after_s: int) -> None:
    before, after = (timed(seconds) for seconds in (before_s, after_s))
    log = Log()
    log.proposes("refund", "a1", event_id="e1", amount=20)
    log.control("policies.activated", ruleset=after.ruleset)
    log.wait(DAY_S)
    log.proposes("refund", "a1", event_id="e1", amount=20)
    log.proposes("refund", "a2", amount=21)
    fold = PartitionFold(0, None, {bundle.ruleset: bundle for bundle in (before, after)}, before.ruleset, checked=False)
    first, again, other = Outcome(fold, [fold.fold(log.records)]).decisions
    assert ends(first) == ends(again)
    assert to_ms(first["expires_at"]) == log.records[0].timestamp_ms + before_s * 1000
    assert to_ms(other["expires_at"]) == log.records[-1].timestamp_ms + after_s * 1000


def test_what_was_not_allowed_has_no_end_when_it_comes_again() -> None:
    log = Log()
    for _ in range(2):
        log.proposes("refund", "a1", event_id="e1", amount=900)
    first, again = log.fold(refunds()).decisions
    assert (first["verdict"], again["verdict"]) == ("block", "block")
    assert (first["expires_at"], again["expires_at"]) == (None, None)


def test_a_head_with_a_full_guard_stays_small() -> None:
    log = Log()
    for number in range(71):
        log.proposes("get_order", f"a{number}", order_id=number)
    outcome = log.fold(refunds())
    ((_, head, _),) = outcome.partition.memory.sizes()
    assert head < 1_200


def timed(seconds: int) -> Bundle:
    return bundle(refunds=REFUNDS, limits=f"default: {{decision_ttl_s: {seconds}}}")
