"""At the cap: the longest idle ones leave, one alert says how many; who is held stays; then new ones are blocked."""

from typing import Any

import pytest

from handrail.policies import Bundle
from handrail.streams.governor.controls import ACTIVE_MS
from handrail.streams.governor.partition import Folded, PartitionFold
from tests.bundles import REFUNDS, bundle
from tests.log import Log, Outcome

MOST = 100
HOUR = 3600


def rules(most: int = MOST) -> Bundle:
    return bundle(refunds=REFUNDS, limits=f"memory: {{conversations_max: {most}}}")


class Owner:
    """Folds a log as it is written, and writes what the owner of the partition has to say."""

    def __init__(self, most: int = MOST, batch: int = 1) -> None:
        self.log, self.batch = Log(), batch
        found = rules(most)
        self.fold = PartitionFold(0, None, {found.ruleset: found}, found.ruleset)
        self.folded: list[Folded] = []
        self.most = 0

    def go(self) -> None:
        records = self.log.records
        while self.fold.position + 1 < len(records):
            first = self.fold.position + 1
            self.folded.append(self.fold.fold(records[first : first + self.batch]))
            self.most = max(self.most, len(self.fold.memory))
            if first + self.batch >= len(records) and (said := self.fold.room()) is not None:
                self.log.control("memory", **said)

    def outcome(self) -> Outcome:
        self.go()
        return Outcome(self.fold, self.folded)

    def open(self, name: str) -> None:
        self.log.conversation = name
        self.log.query("Where is my parcel?")

    @property
    def remembered(self) -> set[str]:
        return {name for name, _, _ in self.fold.memory.sizes()}


def alerts(outcome: Outcome) -> list[dict[str, Any]]:
    return [one for one in outcome.of("alert") if one["kind"] == "memory"]


def crowded(owner: Owner, count: int, apart_s: float = 600, first: int = 0) -> None:
    for number in range(first, first + count):
        owner.log.wait(apart_s)
        owner.open(f"conv-{number}")
        owner.go()


def test_the_longest_idle_ones_leave_and_one_alert_says_how_many() -> None:
    owner = Owner()
    crowded(owner, MOST)
    outcome = owner.outcome()
    (alert,) = alerts(outcome)
    assert alert["severity"] == "medium"
    assert alert["evidence"] == {"remembered": 100, "leaving": 5, "full": False, "conversations_max": 100}
    assert owner.remembered == {f"conv-{number}" for number in range(5, MOST)}


def test_it_never_remembers_more_however_many_come() -> None:
    owner = Owner()
    crowded(owner, 700)
    assert owner.most <= MOST + 1
    assert owner.outcome().verdicts == ["allow"] * 700


def test_whoever_was_there_within_the_hour_stays_and_new_ones_are_blocked() -> None:
    owner = Owner()
    owner.open("honest")
    crowded(owner, 1000, apart_s=0)
    owner.open("honest")
    outcome = owner.outcome()
    assert "honest" in owner.remembered
    assert outcome.decisions[-1]["route"] == "ai"
    assert outcome.verdicts[:MOST] == ["allow"] * MOST
    assert outcome.verdicts[MOST + 2 : -1] == ["block"] * (999 - MOST)
    assert outcome.codes(-2) == ["memory.full"]
    assert outcome.decisions[-2]["route"] == "human"
    assert [(one["severity"], one["evidence"]["full"]) for one in alerts(outcome)] == [("high", True)]
    assert owner.most <= MOST + 2


def test_room_comes_with_time_and_new_ones_are_answered_again() -> None:
    owner = Owner()
    crowded(owner, 300, apart_s=0)
    owner.log.wait(2 * HOUR).control("tick")
    owner.go()
    owner.open("late")
    outcome = owner.outcome()
    assert outcome.verdicts[-1] == "allow"
    assert "late" in owner.remembered


@pytest.mark.parametrize("held", ["asks", "halted", "denied"])
def test_who_is_held_never_leaves_and_then_new_ones_are_blocked(held: str) -> None:
    owner = Owner()
    for number in range(MOST):
        owner.log.conversation = f"held-{number}"
        if held == "asks":
            owner.log.event("human.requested")
        elif held == "halted":
            for _ in range(4):
                owner.log.proposes("get_order", order_id=1)
        else:
            owner.log.proposes("refund", amount=300)
            owner.log.resolves(owner.outcome().handoffs[-1], "denied")
        owner.go()
    held_ones = set(owner.remembered)
    owner.log.wait(30 * 24 * HOUR).control("tick")
    owner.go()
    owner.log.control("tick")
    owner.open("new")
    outcome = owner.outcome()
    assert outcome.codes() == ["memory.full"]
    assert owner.remembered == held_ones
    owner.log.conversation = "held-7"
    owner.log.proposes("refund", amount=300)
    code = {"asks": "owner.human", "halted": "halted", "denied": "approval.denied"}[held]
    assert code in owner.outcome().codes()


def test_a_flood_of_calls_that_are_never_told_leaves_before_others_are_blocked() -> None:
    owner = Owner()
    for number in range(300):
        owner.log.wait(60).conversation = f"conv-{number}"
        owner.log.proposes("get_order", order_id=number)
        owner.go()
    assert owner.most <= MOST + 1
    assert set(owner.outcome().verdicts) == {"allow"}


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ("query.received", {"text": "Where is my parcel?"}),
        ("human.requested", {}),
        ("llm.proposed", {"model": {"name": "m"}}),
        ("action.proposed", {"action_id": "a", "tool": "get_order", "arguments": {}}),
        ("response.proposed", {"response_id": "r", "text": "It comes on Monday."}),
    ],
)
def test_every_question_of_a_new_one_is_answered(event: str, said: dict[str, Any]) -> None:
    owner = Owner()
    crowded(owner, MOST + 5, apart_s=0)
    owner.log.event(event, conversation="new", **said)
    before = len(owner.outcome().decisions)
    assert owner.outcome().codes() == ["memory.full"]
    assert before == len(owner.outcome().decisions)
    assert "new" not in owner.remembered


def test_what_runs_there_without_a_decision_is_a_bypass() -> None:
    owner = Owner()
    crowded(owner, MOST + 5, apart_s=0)
    owner.log.conversation = "new"
    owner.log.executes("refund", "a", {}, amount=5000)
    assert [one["kind"] for one in owner.outcome().of("alert")][-1] == "bypass"


def test_no_record_takes_away_who_was_there_within_the_hour() -> None:
    owner = Owner()
    owner.open("honest")
    owner.log.wait(ACTIVE_MS / 1000 - 10)
    owner.log.control("memory", before_ms=2**52, full=False, remembered=1, leaving=1, conversations_max=1)
    owner.log.control("tick")
    owner.go()
    assert owner.remembered == {"honest"}


@pytest.mark.parametrize("batch", [2, 9, 1000])
def test_it_is_the_same_however_the_log_is_cut(batch: int) -> None:
    owner = Owner()
    crowded(owner, 130, apart_s=30)
    crowded(owner, 60, apart_s=900, first=100)
    one = owner.outcome()
    other = owner.log.fold(rules(), batch)
    assert other.records == one.records
    assert alerts(one)


def heavy(most: int, opened: int) -> Owner:
    """So many conversations, most of them one second apart, folded 1,000 at a time."""
    owner = Owner(most, 1000)
    for number in range(opened):
        owner.open(f"conv-{number}")
        if number % 1000 == 999:
            owner.go()
    owner.go()
    return owner


@pytest.mark.long
def test_100000_conversations_at_a_cap() -> None:
    owner = heavy(20_000, 100_000)
    assert owner.most <= 21_001
    assert sum(head + more for _, head, more in owner.fold.memory.sizes()) < 40_000_000
    assert sum(one["evidence"]["leaving"] for one in alerts(owner.outcome())) >= 75_000
