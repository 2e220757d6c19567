"""Each decision of a conversation carries a digest over all before it: one gone, changed or put in is noticed."""

from typing import Any

import orjson
import pytest

from handrail.schemas.canonical import digest
from handrail.schemas.chain import START, extend, linked
from tests.log import Log


def decided() -> list[dict[str, Any]]:
    """Five decisions of one conversation, the last one a repeat."""
    log = Log()
    log.query("Where is my parcel?")
    log.proposes("get_order", order_id="A-1")
    log.proposes("refund", amount=50.5)
    log.answers("It comes on Monday.", confidence=0.9)
    log.append(orjson.loads(log.records[-1].value or b""))
    return log.fold().decisions


def broken(decisions: list[dict[str, Any]]) -> int | None:
    """The first decision that does not follow from those before it."""
    running, before = START, 0
    for number, data in enumerate(decisions):
        if (data["chain"]["before"], data["chain"]["digest"]) != (before, running.hex()):
            return number
        if not data.get("repeat"):
            running, before = extend(running, linked(data)), before + 1
    return None


def test_the_chain_holds_from_the_first_decision_to_the_last() -> None:
    decisions = decided()
    assert broken(decisions) is None
    assert [data["chain"]["before"] for data in decisions] == [0, 1, 2, 3, 4]
    assert {data["chain"]["since"] for data in decisions} == {0}


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_a_missing_decision_breaks_it(gone: int) -> None:
    decisions = decided()
    assert broken(decisions[:gone] + decisions[gone + 1 :]) == gone


def test_a_changed_verdict_breaks_it() -> None:
    decisions = decided()
    decisions[1]["verdict"] = "block"
    assert broken(decisions) == 2


def test_one_put_in_later_breaks_it() -> None:
    decisions = decided()
    assert broken([*decisions[:2], decisions[1], *decisions[2:]]) == 2


def test_a_signature_is_added_afterwards_and_breaks_nothing() -> None:
    decisions = decided()
    for data in decisions:
        data["signature"] = {"key_id": "k-1", "value": digest(data)}
    assert broken(decisions) is None


def test_a_batch_or_one_by_one_is_the_same_chain() -> None:
    log = Log()
    for number in range(20):
        log.proposes("get_order", order_id=f"A-{number}")
    assert log.fold(batch=1).decisions == log.fold(batch=7).decisions
