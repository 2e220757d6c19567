"""The judge sees what it is there to see: each difference is planted once."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, cast

import orjson
import pytest

from handrail.policies import load_bundle
from handrail.schemas.record import Record
from handrail.schemas.signature import sign_batch
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS, HANDOFFS
from handrail.streams.engine.changelog import row_of
from handrail.streams.governor.partition import PartitionFold
from tests.crash import judge
from tests.crash.agents import Heard
from tests.crash.judge import WRITTEN, Findings
from tests.keys import key
from tests.log import Log

BUNDLE = load_bundle(None)


@dataclass(frozen=True)
class Found:
    """A record as the client library gives it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def log() -> list[Record]:
    """A question, an action and a request for a human, behind an activation."""
    found = Log()
    found.control("policies.activated", ruleset=BUNDLE.ruleset)
    found.query("Where is my parcel?")
    found.does("get_order", result={"total": 9}, order_id=1)
    found.query("I want to talk to a human")
    return found.records


def written() -> dict[str, list[Found]]:
    """The topics as a worker leaves them."""
    topics: dict[str, list[Found]] = {topic: [] for topic in WRITTEN}
    topics[AGENT_EVENTS] = [Found(AGENT_EVENTS, 0, r.offset, r.key, r.value, r.timestamp_ms) for r in log()]
    for output in fold().fold(log()).outputs:
        there = topics[output.topic]
        there.append(Found(output.topic, 0, len(there), output.key, output.value, headers=tuple(output.headers)))
    return topics


def fold() -> PartitionFold:
    return PartitionFold(0, 1, {BUNDLE.ruleset: BUNDLE})


def differences(topics: dict[str, list[Found]], heard: Heard | None = None) -> set[str]:
    """The kinds of difference that are found."""
    findings = Findings()
    given: Any = topics
    judge._compare_outputs(findings, judge._folded(given[AGENT_EVENTS], 1, Bundles())[1], given)
    judge._compare_answers(findings, given, 1)
    judge._compare_handoffs(findings, given[HANDOFFS])
    judge._compare_heard(findings, given[DECISIONS], heard or Heard())
    return set(findings.differences)


class Bundles:
    known: ClassVar = {BUNDLE.ruleset: BUNDLE}


def changed(one: Found, **data: Any) -> Found:
    """The same record, with other data."""
    assert one.value is not None
    event = orjson.loads(one.value)
    return replace(one, value=orjson.dumps({**event, "data": {**event["data"], **data}}))


def test_what_a_worker_writes_is_right_and_so_are_identical_copies() -> None:
    topics = written()
    assert differences(topics) == set()
    assert differences(topics | {DECISIONS: topics[DECISIONS] * 2, HANDOFFS: topics[HANDOFFS] * 2}) == set()


LOST = "expected by the fold and not on its topic"
FOREIGN = "on its topic and not what the fold gives"


@pytest.mark.parametrize(
    ("topic", "plant", "seen"),
    [
        (DECISIONS, lambda found: found[1:], {LOST, "questions without an answer"}),
        (DECISIONS, lambda found: [changed(found[0], verdict="halt"), *found[1:]], {LOST, FOREIGN}),
        (
            DECISIONS,
            lambda found: [changed(found[0], verdict="halt"), *found],
            {FOREIGN, "questions with answers that differ"},
        ),
        (
            HANDOFFS,
            lambda found: [changed(found[0], queue="other"), *found],
            {FOREIGN, "handoff revisions that differ"},
        ),
    ],
    ids=["a lost decision", "a changed decision", "a second answer", "a second handoff"],
)
def test_a_planted_difference_is_seen(topic: str, plant: Callable[[list[Found]], list[Found]], seen: set[str]) -> None:
    topics = written()
    assert topics[topic]
    topics[topic] = plant(topics[topic])
    assert differences(topics) == seen


def test_a_decision_that_nobody_signed_is_seen() -> None:
    """A signature is no difference to the fold, and has to hold."""
    topics, trusted = written(), {key().id: key().public}
    plain = [decision.value for decision in topics[DECISIONS]]
    assert all(value is not None for value in plain)
    signed = sign_batch(key(), [value for value in plain if value is not None])
    topics[DECISIONS] = [replace(one, value=value) for one, value in zip(topics[DECISIONS], signed, strict=True)]
    assert differences(topics) == set()
    findings, found = Findings(), cast(Any, topics[DECISIONS])
    judge._check_signatures(findings, found, trusted)
    assert not findings.differences
    judge._check_signatures(findings, [*found, cast(Any, replace(found[0], value=plain[0]))], trusted)
    assert list(findings.differences) == ["decisions whose signature does not hold"]


def test_what_agents_were_told_and_did_must_be_on_the_log() -> None:
    heard = Heard(decisions={"none": ("conv-1", "allow")}, ran={"a1": "none"})
    assert differences(written(), heard) == {
        "decisions heard that are not on the log",
        "calls made without an allow",
    }


def test_an_old_state_at_the_end_is_seen() -> None:
    one = fold()
    writes = [write for record in log() for write in one.fold([record]).states if write.key == b"conv-1"]
    rows = [row_of(write) for write in writes]
    states: Any = [Found("states", 0, n, r.key, r.value, headers=tuple(r.headers)) for n, r in enumerate(rows)]
    for given, seen in ((states, False), ([*states, states[0]], True), ([*states, states[0], states[-1]], False)):
        findings = Findings()
        judge._count_stale(findings, given)
        assert bool(findings.differences) is seen


def test_a_row_too_few_too_many_or_changed_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    topics: Any = written() | {"human.resolutions.v1": []}
    right = {(topic, one.partition, one.offset): one.value for topic in topics for one in topics[topic]}
    place = (DECISIONS, 0, 0)
    for stored, repeated, seen in (
        (right, [], set()),
        (right, [place], {"rows stored twice"}),
        ({at: value for at, value in right.items() if at != place}, [], {"records without a row"}),
        (right | {(DECISIONS, 0, 99): b""}, [], {"rows without a record"}),
        (right | {place: b"other"}, [], {"rows that say something else"}),
    ):
        monkeypatch.setattr(judge, "rows", lambda _, stored=stored, repeated=repeated: (stored, repeated))
        findings = Findings()
        judge._compare_rows(findings, topics, Path())
        assert set(findings.differences) == seen
