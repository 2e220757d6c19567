"""What every scorer keeps to, and what each of them finds."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handrail.policies import load_bundle
from handrail.streams.quality.scorers import SCORERS, policy_facts, scored
from handrail.streams.quality.scorers.score import EVIDENCE_MAX, Score, Scorer
from handrail.streams.quality.scorers.ungrounded import numbers
from handrail.streams.quality.transcript import Logged, Transcript
from tests.unit.quality.conversations import agent, call, customer, decision, effect, ended, logged, reason, transcript

SCORE: dict[str, Callable[[Transcript], Score | None]] = {scorer.name: scorer.score for scorer in SCORERS}
SHADOW = reason(mode="shadow")
STORY = logged(
    customer("Please cancel my order A-1 and give me back the $30 that I paid for it"),
    call("find_order", {"total": 30.0, "id": "A-1"}, order="A-1"),
    agent("I can cancel order A-1 and refund $30 to your card, and also $5. Shall I go ahead with that now?"),
    customer("Yes, please do, and cancel my order A-1 and give me back the $30 that I paid"),
    decision(SHADOW, reason("loop.repeat")),
    call("cancel_order"),
    call("find_order", "Error: gone", "error"),
    call("issue_refund", action_id="a2"),
    agent("I can cancel order A-1 and refund $30 to your card, and also $5. Shall I go ahead with that now?"),
    customer("Where is the parcel that I ordered last week?"),
    agent("I can cancel order A-1 and refund $30 to your card, and also $5. Shall I go ahead with that now?"),
    call("transfer_to_human_agents", action_id="a3"),
    call("find_order", action_id="a4"),
    ("handoff", {"kind": "route"}),
    ("customer.acted", {"tool": "reboot", "arguments": {}, "status": "ok", "result": "on"}),
    ended("transferred"),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TYPES = sorted({record.type for record in STORY} | {"handrail.handoff.closed.v1", "handrail.llm.completed.v1"})


@st.composite
def mutated(draw: st.DrawFn) -> list[Logged]:
    """The story with fields changed, taken away and added, records dropped, repeated and put elsewhere."""
    records = []
    for record in draw(st.lists(st.sampled_from(STORY), max_size=25)):
        data: Any = dict(record.data)
        for name in draw(st.lists(st.sampled_from([*data, "odd"]), max_size=2)):
            data[name] = draw(JSON)
        for name in draw(st.lists(st.sampled_from(list(data)), max_size=1)):
            data.pop(name, None)
        kind = draw(st.sampled_from([record.type] * 8 + TYPES))
        records.append(Logged(draw(st.integers(0, 10**9)), kind, draw(st.sampled_from([data] * 9 + [None, [], "x"]))))
    return records


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(records=mutated())
def test_any_records_give_scores_in_their_bounds_or_none(records: list[Logged]) -> None:
    told, offsets = Transcript.of(records, effect), {record.offset for record in records}
    for found in filter(None, (scorer.score(told) for scorer in SCORERS)):
        assert 0 <= found.value <= 1
        assert type(found.value) is float
        assert found.count >= 0
        assert len(found.evidence) <= EVIDENCE_MAX
        assert set(found.evidence) <= offsets


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda one: one.name)
def test_a_copy_of_the_records_gives_the_same_bytes(scorer: Scorer) -> None:
    copy = [Logged(*one) for one in orjson.loads(orjson.dumps([list(record) for record in STORY]))]
    found = [orjson.dumps(scorer.score(Transcript.of(records, effect))) for records in (STORY, copy)]
    assert found[0] == found[1] != b"null"


@pytest.mark.parametrize("scorer", SCORERS, ids=lambda one: one.name)
def test_of_nothing_nothing_is_said(scorer: Scorer) -> None:
    assert scorer.score(Transcript()) is None


def test_names_are_there_once_and_versions_begin_at_1() -> None:
    assert len(SCORE) == len(SCORERS) == 8
    assert {scorer.version for scorer in SCORERS} == {1}


def test_a_conversation_that_could_not_be_read_whole_has_no_score() -> None:
    whole, broken = (transcript(ended("resolved"), *more) for more in ([], [("query.received", {})]))
    assert dict(scored(whole))[SCORERS[1]] == Score(1.0)
    assert {score for _, score in scored(broken)} == {None}


GREETING = agent("Welcome back to our little shop, how can I help you on this fine day?")
ASKS = (customer("Where is the parcel that I ordered last week"), customer("Can I change the address of my account"))


@pytest.mark.parametrize(
    ("name", "told", "wanted"),
    [
        ("ended_badly", [ended("resolved")], Score(1.0)),
        ("ended_badly", [ended("transferred")], Score(1.0)),
        ("ended_badly", [ended("abandoned")], Score(0.0, 1, (0,))),
        ("ended_badly", [decision(reason("loop.repeat"))], Score(0.0, 1, (0,))),
        ("ended_badly", [decision(reason("limit.cost", mode="shadow")), ended("resolved")], Score(1.0)),
        ("ended_badly", [decision(reason("policy")), customer("Hi")], None),
        ("tool_errors", [call("a"), call("b", status="error")], Score(1 - 1 / 3, 1, (1,))),
        ("tool_errors", [call("a", status="error")] * 5, Score(0.0, 5, (0, 1, 2, 3, 4))),
        ("tool_errors", [call("a")], Score(1.0)),
        ("tool_errors", [customer("Hi")], None),
        ("ungrounded", [agent("That is $12.50")], Score(0.75, 1, (0,))),
        ("ungrounded", [call("a", {"x": [{"price": 1234.5}]}), agent("That is $1,234.50")], Score(1.0)),
        ("ungrounded", [customer("I paid 20"), agent("£20 it is, less €3 and $ 4")], Score(0.5, 2, (1, 1))),
        ("ungrounded", [agent("That is $12"), call("a", "12")], Score(0.75, 1, (0,))),
        ("ungrounded", [agent("That is twelve dollars")], None),
        ("unconfirmed", [customer("Yes please do"), call("cancel_order")], Score(1.0)),
        ("unconfirmed", [customer("That’s fine"), call("cancel_order")], Score(1.0)),
        ("unconfirmed", [customer("Why?"), call("cancel_order")], Score(0.5, 1, (1,))),
        ("unconfirmed", [call("cancel_order"), call("issue_refund")], Score(0.0, 2, (0, 1))),
        ("unconfirmed", [customer("Why?"), call("find_order")], None),
        ("customer_repeats", [ASKS[0], ASKS[0]], Score(0.0, 1, (0, 1))),
        ("customer_repeats", [ASKS[0], ASKS[1]], Score(1.0)),
        ("customer_repeats", [ASKS[0], customer("yes"), customer("yes")], None),
        ("canned", [ASKS[0], GREETING, ASKS[1], GREETING], Score(0.0, 1, (1, 3))),
        ("canned", [ASKS[0], GREETING, ASKS[0], GREETING], None),
        ("canned", [ASKS[0], GREETING, ASKS[1], agent("Yes")], None),
        ("handoff_again", [call("transfer_to_human_agents"), agent("Bye")], Score(1.0)),
        ("handoff_again", [call("transfer_to_human_agents"), call("find_order")], Score(0.0, 1, (1,))),
        ("handoff_again", [("handoff", {"kind": "route"}), call("transfer_to_human_agents")], Score(0.0, 1, (1,))),
        (
            "handoff_again",
            [("handoff", {"kind": "route"}), ("handoff.closed", {"owner": "ai"}), call("find_order")],
            Score(1.0),
        ),
        ("handoff_again", [call("find_order")], None),
        ("policy_facts", [decision(SHADOW), call("cancel_order")], Score(0.0, 1, (1,))),
        ("policy_facts", [decision(reason()), call("cancel_order")], Score(1.0)),
        ("policy_facts", [decision(reason(mode="shadow", action="allow")), call("cancel_order")], Score(1.0)),
        ("policy_facts", [decision(SHADOW), call("cancel_order", status="error")], None),
        ("policy_facts", [decision(SHADOW), call("cancel_order", action_id="other")], None),
        ("policy_facts", [decision(SHADOW), call("find_order")], None),
    ],
)
def test_what_each_finds(name: str, told: list[Any], wanted: Score | None) -> None:
    found = SCORE[name](transcript(*told))
    assert (found is None) == (wanted is None)
    if found is not None and wanted is not None:
        assert found.value == pytest.approx(wanted.value)
        assert (found.count, found.evidence) == (wanted.count, wanted.evidence)


def test_numbers_of_a_value_are_those_of_its_texts_and_names_too() -> None:
    assert sorted(numbers({"a1": [2.50, "3,000 of 4"], "b": {"c": True, "d": None}})) == ["1", "2.5", "3000", "4"]


def test_a_value_nested_however_deep_ends() -> None:
    deep: Any = 7
    for _ in range(100_000):
        deep = [deep]
    assert list(numbers(deep)) == []


def test_only_rules_in_shadow_that_read_a_fact_can_speak(tmp_path: Any) -> None:
    (tmp_path / "tools.yaml").write_text("tools: {cancel: {effect: write, facts: {cabin: results.look.cabin}}}\n")
    rule = (
        "id: p\nname: P\nmode: {}\nrules: {{default_action: allow, rules: [{{id: r, condition: {}, action: block}}]}}\n"
    )
    for mode, field, wanted in (("shadow", "cabin", True), ("enforce", "cabin", False), ("shadow", "amount", False)):
        (tmp_path / "p.yaml").write_text(rule.format(mode, f"{{field: {field}, operator: equals, value: a}}"))
        bundle = load_bundle(tmp_path)
        assert policy_facts.applies(bundle.policies, bundle.tools.fact_names) is wanted
