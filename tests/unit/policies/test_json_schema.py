"""The JSON Schemas of policy files: valid is what the readers take, and broken files are refused by both."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from handrail.policies import compile_bundle, json_schema, yaml12
from handrail.policies.case import plain, read_cases
from handrail.policies.json_schema.condition import TAKES, taken
from handrail.policies.operators import OPERATORS
from handrail.policies.parts import SETTINGS
from handrail.schemas.errors import PolicyErrors
from tests.unit.policies.cases import FOLDER

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = ("handrail/policies/packs", "handrail/policies/defaults", "handrail/policies/cases", "handrail/demo/policies")
OURS = sorted(path for folder in FOLDERS for path in (ROOT / folder).glob("*.yaml"))


ODD = (None, {}, [], 0, 2.5, "block", True)
WHOLE = sorted((Path(__file__).parent / "whole").glob("*.yaml"))


def kind_of(path: Path) -> str:
    if path.parent.name == "cases":
        return "cases"
    return path.stem if path.name in SETTINGS else "policy"


def wrong(kind: str, text: str) -> list[str]:
    """What the schema of the kind says against a file."""
    value, mistakes = yaml12.read("file", text)
    assert mistakes.entries == []
    written = json.loads((ROOT / "handrail" / "policies" / "json" / f"{kind}.json").read_text())
    return [error.message for error in Draft7Validator(written).iter_errors(plain(value))]


@pytest.mark.parametrize("kind", json_schema.KINDS)
def test_a_schema_is_one(kind: str) -> None:
    Draft7Validator.check_schema(json_schema.of(kind))


@pytest.mark.parametrize("path", OURS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_our_own_files_are_valid(path: Path) -> None:
    assert wrong(kind_of(path), path.read_text()) == []


def test_published_files_are_valid(shared: Path) -> None:
    for path in sorted((shared / "examples").glob("*.yaml")):
        assert wrong("policy", path.read_text()) == [], path.name


def test_what_the_golden_cases_load_is_valid() -> None:
    for name in ("combining", "names"):
        for case in yaml.safe_load((FOLDER / f"{name}.yaml").read_text()):
            files = {"policy.yaml": case["policy"], **case.get("files", {})}
            for file, text in files.items():
                assert wrong(kind_of(Path(file)), text) == [], case["note"]


def test_the_ten_mistakes_are_seen_file_by_file() -> None:
    for path in sorted((FOLDER / "ten_mistakes").glob("*.yaml")):
        assert wrong(kind_of(path), path.read_text()), path.name


def changed(value: Any) -> Iterator[Any]:
    """The value with each part of it taken away, and with each part replaced by something else."""
    if isinstance(value, dict):
        for key in value:
            yield {other: inner for other, inner in value.items() if other != key}
            yield from ({**value, key: inner} for inner in (*ODD, *changed(value[key])))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield value[:index] + value[index + 1 :]
            yield from ([*value[:index], inner, *value[index + 1 :]] for inner in (*ODD, *changed(item)))


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.stem)
def test_whatever_a_reader_takes_is_valid(path: Path) -> None:
    kind = path.stem.partition("_")[0]
    valid = Draft7Validator(json_schema.of(kind)).is_valid
    read = 0
    for value in changed(plain(yaml12.read(path.name, path.read_text())[0])):
        try:
            compile_bundle({"semantics": 2, "files": {f"{kind}.yaml": json.dumps(value)}})
        except PolicyErrors:
            continue
        read += 1
        assert valid(value), value
    assert read


def rule(**changed: Any) -> str:
    """A policy of one rule with these keys changed; None takes a key away."""
    keys = {
        "id": "r",
        "condition": {"field": "a", "operator": "greater_than", "value": 1},
        "action": "block",
        **changed,
    }
    keys = {key: value for key, value in keys.items() if value is not None}
    return json.dumps({"id": "p", "rules": {"default_action": "allow", "rules": [keys]}})


def condition(**leaf: Any) -> str:
    return rule(condition=leaf)


BROKEN = {
    "policy": [
        "[]",
        "{id: p}",
        "{id: p, rules: {rules: []}}",
        "{id: p, rules: {default_action: deny, rules: []}}",
        "{id: p, rule: {}, rules: {default_action: allow, rules: []}}",
        "{id: p, rules: {default_action: allow, rules: {}}}",
        "{id: p, rules: {version: 3, default_action: allow, rules: []}}",
        "{id: p, mode: watch, rules: {default_action: allow, rules: []}}",
        "{id: p, action_type: call, rules: {default_action: allow, rules: []}}",
        "{id: p, applies_to: {}, rules: {default_action: allow, rules: []}}",
        "{id: p, applies_to: {tool: [a]}, rules: {default_action: allow, rules: []}}",
        "{id: p, applies_to: {events: [message.sent]}, rules: {default_action: allow, rules: []}}",
        condition(sum="a", over="1h", operator="max_value"),
        condition(sum="a", over="1 hour", operator="max_value", value=1),
        condition(sum="a", over="1h", operator="contains", value=1),
        condition(sum="a", over="1h", by="customer", operator="max_value", value=1),
        condition(sum="a", count="a", over="1h", operator="max_value", value=1),
        condition(sum="a", field="a", over="1h", operator="max_value", value=1),
        condition(field="a", over="1h", operator="max_value", value=1),
        rule(action="deny"),
        rule(action=None),
        rule(condition=None),
        rule(message=5),
        rule(on_missing="pass"),
        rule(on_missing="match", action="allow"),
        rule(on_block="refuse", action="allow"),
        rule(approvals=2),
        rule(approvals=3, action="require_approval"),
        rule(severity=[1]),
        rule(messages="x"),
        condition(),
        condition(field="a", operator="greater_than"),
        condition(field="a", operator="greater_than", value="five hundred"),
        condition(field="a", operator="greater_then", value=5),
        condition(field="a", operator="between", value=[1]),
        condition(field="a", operator="in_list", value="gold"),
        condition(field="a", operator="in_list", value=[]),
        condition(field="a", operator="equals", value=["gold"]),
        condition(field="a", operator="equals", value=None),
        condition(field="a", operator="contains", value=True),
        condition(field="a", operator="matches", value=5),
        condition(field="a", operator="exists", value="no"),
        condition(operator="exists"),
        condition(all=[]),
        condition(all=[{"field": "a", "operator": "exists"}], any=[{"field": "a", "operator": "exists"}]),
        condition(**{"not": [{"field": "a", "operator": "exists"}]}),
        condition(field="a", operator="exists", sum="a"),
        "{version: 1, global: {policies: []}}",
        "{version: 2, default_action: allow, global: {policies: []}}",
        "{version: 1, default_action: allow, actions: {call: {policies: []}}}",
        "{version: 1, default_action: allow, global: {policies: [{parameter: a, operator: max_value, action: block}]}}",
        "{version: 1, default_action: allow, global: {policies: [{field: a, operator: exists, action: block}]}}",
    ],
    "limits": [
        "{default: {step_max: 5}}",
        "{default: {steps_max: 0}}",
        "{default: {steps_max: null}}",
        "{default: {cost_usd_max: ten}}",
        "{default: {cost_usd_max: -1}}",
        "{default: {time_max_s: 0}}",
        "{default: {confidence_min: {response: 2}}}",
        "{default: {confidence_min: 0.5}}",
        "{agents: [a]}",
        "{agent: {}}",
    ],
    "routing": [
        "{rules: [{when: {topic: fraud}}]}",
        "{rules: [{route: person}]}",
        "{rules: [{when: {}, route: human}]}",
        "{rules: [{when: {subject: fraud}, route: human}]}",
        "{rules: [{when: {risk: huge}, route: human}]}",
        "{rules: [{when: {wants_human: 1}, route: human}]}",
        "{rules: [{route: human, priority: asap}]}",
        "{rules: [{route: human, due_in_s: 0}]}",
        "{rules: {route: human}}",
        "{topics: [], rules: []}",
    ],
    "tools": [
        "{refund: {effect: write}}",
        "{tools: {refund: {effect: delete}}}",
        "{tools: {refund: {fields: {a: amount}}}}",
        "{tools: {refund: {facts: {a: results.total}}}}",
        "{tools: {refund: {facts: {a: {from: results.get.total}}}}}",
        "{tools: {refund: {facts: {a: {from: total, key: order_id}}}}}",
        "{tools: {refund: {facts: {a: {from: results.get.total, key: order_id, last: true}}}}}",
        "{tools: {refund: {fact: {}}}}",
        "{tools: {refund: null}}",
    ],
    "agents": [
        "{agents: {a: {enforcement: watch}}}",
        "{agents: {a: {sources: []}}}",
        "{agents: {a: {tenant: x}}}",
        "{agents: [a]}",
    ],
    "prices": [
        "{usd_per_million_tokens: {m: {input: 1}}}",
        "{usd_per_million_tokens: {m: {input: 1, output: cheap}}}",
        "{usd_per_million_tokens: {m: {input: 1, output: 1, cached: 1}}}",
        "{prices: {}}",
    ],
    "lexicon": [
        "{topics: {fraud: {risk: huge}}}",
        "{intents: {i: {topic: general}}}",
        "{intents: {i: {topic: general, words: {0: [stolen card]}}}}",
        "{intents: {i: {topic: general, words: {3: []}}}}",
        "{risk: {low: [a b]}}",
        "{least: 0}",
        "{phrases: []}",
    ],
    "cases": [
        "{}",
        "[]",
        "[{note: n, want_verdict: block}]",
        "[{note: n, input: {tool: t}}]",
        "[{note: n, input: {}, want_verdict: block}]",
        "[{note: n, input: {tool: t}, want_verdict: deny}]",
        "[{note: n, input: {tool: t}, want_verdict: block, want_rule: a/b}]",
        "[{note: n, input: {tool: t}, want_verdict: block, want_rules: [b]}]",
        "[{note: n, input: {tool: t}, want_verdict: block, want_route: person}]",
        "[{note: n, input: {event: llm.completed}, want_verdict: block}]",
        "[{note: n, input: {tool: t, arguments: 5}, want_verdict: block}]",
        "[{note: n, input: {tool: t, after: soon}, want_verdict: block}]",
        "[{note: n, before: {tool: t}, input: {tool: t}, want_verdict: block}]",
        "[{note: n, before: [{tool: t, status: fine}], input: {tool: t}, want_verdict: block}]",
    ],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in BROKEN.items() for text in texts])
def test_a_broken_file_is_refused_by_reader_and_schema(kind: str, text: str) -> None:
    assert wrong(kind, text)
    if kind == "cases":
        assert read_cases("cases.yaml", text)[1].entries
        return
    files = {f"{kind}.yaml": text}
    with pytest.raises(PolicyErrors):
        compile_bundle({"semantics": 2, "files": files})


def test_every_operator_says_what_it_takes() -> None:
    assert {taken(operator) for operator in OPERATORS} == set(TAKES)
