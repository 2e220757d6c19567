"""A snapshot of the partition's own state: when it is due, and a fold that begins at one goes on as the whole fold."""

from typing import Any

import orjson

from handrail.policies import load_bundle
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.state import DAY_MS
from tests.log import Log


def begun() -> Log:
    """A log that begins with its rules."""
    log = Log()
    log.control("policies.activated", ruleset=load_bundle(None).ruleset)
    return log


def folded(log: Log, upto: int | None = None) -> PartitionFold:
    bundle = load_bundle(None)
    fold = PartitionFold(0, None, {bundle.ruleset: bundle})
    fold.fold(log.records[:upto])
    return fold


def decisions(fold: PartitionFold, log: Log, of: str) -> list[dict[str, Any]]:
    """What the fold decides of a conversation in the records that it has not folded."""
    outputs = fold.fold(log.records).outputs
    events = [orjson.loads(event.value) for event in outputs if event.key == of.encode()]
    return [event["data"] for event in events if event["type"] == "handrail.decision.v1"]


def test_it_is_due_a_day_after_the_rules_came_and_only_at_the_present() -> None:
    log = begun()
    log.query("Where is my parcel?")
    assert folded(log).snapshot(log.now_ms) is None
    log.wait(DAY_MS / 1000).query("And now?")
    data = folded(log).snapshot(log.now_ms)
    assert data is not None
    assert (data["position"], data["state"]["clock_ms"]) == (2, log.now_ms)
    assert folded(log).snapshot(log.now_ms + DAY_MS) is None


def test_after_it_the_next_one_is_due_a_day_later() -> None:
    log = begun().wait(DAY_MS / 1000)
    log.query("Where is my parcel?")
    log.control("snapshot", **(folded(log).snapshot(log.now_ms) or {}))
    log.query("And now?")
    assert folded(log).snapshot(log.now_ms) is None
    log.wait(DAY_MS / 1000).query("A day later?")
    assert folded(log).snapshot(log.now_ms) is not None


def test_before_any_rules_there_is_none() -> None:
    log = Log().wait(DAY_MS / 1000)
    log.query("Where is my parcel?")
    assert folded(log).snapshot(log.now_ms) is None


def test_a_fold_that_begins_there_decides_new_conversations_as_the_whole_fold_does() -> None:
    log = begun()
    log.control("agent.mode", agent_id="refunds", mode="supervised", reason="trial")
    log.control("queue.state", queue="service", open=3, wait_s=240)
    log.wait(DAY_MS / 1000).query("An old conversation.")
    data = orjson.loads(orjson.dumps(folded(log).snapshot(log.now_ms)))
    log.control("snapshot", **data)
    for name in ("new-1", "new-2"):
        log.conversation = name
        log.query("I want to talk to a human")
        log.proposes("refund", amount=50)
    late = folded(log, 0)
    late.begin(data)
    full = folded(log, data["position"] + 1)
    assert decisions(late, log, "new-2") == decisions(full, log, "new-2")
    assert late.position == full.position


def test_a_conversation_says_where_it_began() -> None:
    log = begun()
    log.query("An old conversation.")
    log.conversation = "new"
    log.query("A new one.")
    (old,), (new,) = (decisions(folded(log, 1), log, name) for name in ("conv-1", "new"))
    assert (old["chain"]["since"], new["chain"]["since"]) == (1, 2)
