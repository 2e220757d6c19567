"""The replay guard: a repeat changes nothing and is answered the same; other content is refused."""

from handrail.streams.governor import replay_guard
from tests.log import Log


def test_a_repeat_gets_the_same_decision_again_and_is_no_step() -> None:
    log = Log()
    log.proposes("get_order", "a1", event_id="same", order_id="#1")
    log.records.append(log.records[0])
    log.proposes("get_user", "a2")
    records = [
        record.__class__(record.topic, 0, at, record.timestamp_ms, record.key, record.value)
        for at, record in enumerate(log.records)
    ]
    log.records = records
    first, again, after = log.fold().decisions
    assert again["repeat"] is True
    assert again["decision_id"] == first["decision_id"]
    assert again["verdict"] == first["verdict"]
    assert again["action_digest"] == first["action_digest"]
    assert after["usage"]["steps"] == 2


def test_the_same_identity_with_other_content_is_a_dead_letter_and_an_alert() -> None:
    log = Log()
    log.proposes("refund", "a1", event_id="same", amount=10)
    log.proposes("refund", "a1", event_id="same", amount=9000)
    outcome = log.fold()
    assert len(outcome.decisions) == 1
    assert [alert["kind"] for alert in outcome.of("alert")] == ["bypass"]
    assert "came before with other content" in outcome.of("deadletter")[0]["reason"]


def test_the_last_sixty_four_identities_are_remembered() -> None:
    guard = b""
    for number in range(65):
        guard = replay_guard.remember(guard, replay_guard.entry_of("/a", str(number), "t", b"{}"), 0)
    assert replay_guard.lookup(guard, replay_guard.entry_of("/a", "0", "t", b"{}")) == (False, None)
    assert replay_guard.lookup(guard, replay_guard.entry_of("/a", "1", "t", b"{}")) == (True, 0)
    assert replay_guard.lookup(guard, replay_guard.entry_of("/a", "1", "t", b"[]")) == (True, None)


def test_a_repeat_under_a_new_bundle_is_answered_as_it_was() -> None:
    from handrail.policies import load_bundle
    from handrail.streams.governor.partition import PartitionFold

    bundle = load_bundle(None)
    log = Log()
    log.proposes("get_order", "a1", event_id="same")
    log.control("policies.activated", ruleset="sha256:" + "cd" * 32)
    log.proposes("get_order", "a1", event_id="same")
    other = "sha256:" + "cd" * 32
    fold = PartitionFold(0, None, {bundle.ruleset: bundle, other: bundle}, bundle.ruleset)
    from tests.log import Outcome

    first, again = Outcome(fold, [fold.fold(log.records)]).decisions
    assert again["decision_id"] == first["decision_id"]
    assert again["ruleset"] == bundle.ruleset
