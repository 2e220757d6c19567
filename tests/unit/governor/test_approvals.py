"""Approvals: bound to the exact action, for a limited time, once."""

from tests.bundles import REFUNDS, TWO_PEOPLE, bundle, refunds
from tests.log import Log


def asked(log: Log, **arguments: object) -> dict[str, object]:
    """Propose a refund that needs approval; its handoff."""
    log.proposes("refund", "a1", **(arguments or {"amount": 300}))
    handoff: dict[str, object] = log.fold(refunds()).handoffs[-1]
    return handoff


def test_an_approved_action_is_released_with_its_own_digest() -> None:
    log = Log()
    handoff = asked(log)
    log.resolves(handoff, "approved", note="fine")
    log.executes("refund", "a1", amount=300)
    outcome = log.fold(refunds())
    proposal, release = outcome.decisions
    assert (proposal["verdict"], release["verdict"], release["kind"]) == ("require_approval", "allow", "release")
    assert release["action_digest"] == proposal["action_digest"] == handoff["pending"]["action_digest"]
    assert release["for"] == proposal["for"]
    assert release["decision_id"] != proposal["decision_id"]
    assert "approval.granted" in outcome.codes()
    assert outcome.of("handoff.closed") != []
    assert "bypass" not in [alert["kind"] for alert in outcome.of("alert")]


def test_a_denied_call_stays_blocked_for_the_conversation() -> None:
    log = Log()
    log.resolves(asked(log), "denied")
    log.proposes("refund", "a2", amount=300)
    log.proposes("refund", "a3", amount=299)
    outcome = log.fold(refunds())
    assert outcome.verdicts == ["require_approval", "block", "block", "require_approval"]
    assert outcome.codes(2)[0] == "approval.denied"


def test_nobody_answers_and_the_approval_expires_with_the_clock_of_the_log() -> None:
    log = Log()
    asked(log)
    log.wait(3600).control("tick")
    outcome = log.fold(refunds())
    assert outcome.verdicts == ["require_approval", "block"]
    assert outcome.codes() == ["approval.expired"]
    assert outcome.of("handoff.closed")[0]["cause"] == "expired"


def test_an_answer_after_expiry_changes_nothing() -> None:
    log = Log()
    handoff = asked(log)
    log.wait(3600).control("tick")
    log.resolves(handoff, "approved")
    assert log.fold(refunds()).verdicts == ["require_approval", "block"]


def test_an_approval_of_another_digest_is_refused_and_reported() -> None:
    log = Log()
    log.resolves(asked(log), "approved", action_digest="0" * 64)
    outcome = log.fold(refunds())
    assert outcome.verdicts == ["require_approval"]
    assert outcome.of("alert")[-1]["kind"] == "bypass"


def test_an_approval_serves_once() -> None:
    log = Log()
    log.resolves(asked(log), "approved")
    log.executes("refund", "a1", amount=300)
    log.executes("refund", "a1", amount=300, result="again")
    outcome = log.fold(refunds())
    assert [alert["kind"] for alert in outcome.of("alert")].count("bypass") == 1


def test_an_approval_never_outweighs_a_halt() -> None:
    log = Log()
    handoff = asked(log)
    log.spends("11")
    log.resolves(handoff, "approved")
    outcome = log.fold(refunds())
    assert outcome.verdicts == ["require_approval", "halt", "halt"]
    assert outcome.decisions[-1]["kind"] == "release"


def test_the_same_call_while_it_waits_gets_the_same_handoff_and_is_no_loop() -> None:
    log = Log()
    asked(log)
    for number in range(4):
        log.proposes("refund", f"again{number}", amount=300)
    outcome = log.fold(refunds())
    assert outcome.verdicts == ["require_approval"] * 5
    assert len({decision["handoff_id"] for decision in outcome.decisions}) == 1
    assert len(outcome.handoffs) == 1


def test_two_people_means_two_ids() -> None:
    two = bundle(refunds=TWO_PEOPLE)
    log = Log()
    log.proposes("refund", "a1", amount=300)
    handoff = log.fold(two).handoffs[0]
    assert handoff["approvals"] == {"needed": 2, "by": []}
    log.resolves(handoff, "approved", by="anna")
    log.resolves(handoff, "approved", by="anna")
    assert log.fold(two).verdicts == ["require_approval"]
    assert log.fold(two).handoffs[-1]["approvals"]["by"] == ["anna"]
    log.resolves(handoff, "approved", by="ben")
    assert log.fold(two).verdicts == ["require_approval", "allow"]


def test_a_proposal_too_long_to_read_is_blocked_instead_of_waiting() -> None:
    log = Log()
    log.proposes("refund", "a1", amount=300, note="x" * 30_000)
    outcome = log.fold(refunds())
    assert outcome.verdicts == ["block"]
    assert any("shown at most" in reason["message"] for reason in outcome.decisions[0]["reasons"])


def test_an_answer_under_supervision_waits_and_is_released() -> None:
    log = Log()
    log.control("agent.mode", agent_id="refunds", mode="supervised", reason="new", by="ops")
    log.answers("Your parcel comes on Monday.")
    handoff = log.fold(refunds()).handoffs[0]
    log.resolves(handoff, "approved")
    outcome = log.fold(refunds())
    assert outcome.verdicts == ["require_approval", "allow"]
    assert outcome.codes(0) == ["agent.mode"]


def test_a_new_bundle_that_blocks_outweighs_the_approval() -> None:
    from handrail.streams.governor.partition import PartitionFold

    strict = bundle(refunds=REFUNDS.replace("value: 500", "value: 200"))
    log = Log()
    handoff = asked(log)
    log.control("policies.activated", ruleset=strict.ruleset)
    log.resolves(handoff, "approved")
    fold = PartitionFold(0, None, {b.ruleset: b for b in (strict, refunds())}, refunds().ruleset)
    from tests.log import Outcome

    outcome = Outcome(fold, [fold.fold(log.records)])
    assert outcome.verdicts == ["require_approval", "block"]
    assert outcome.decisions[1]["ruleset"] == strict.ruleset
