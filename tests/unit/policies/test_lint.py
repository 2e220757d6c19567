"""Rules that are no mistake and do nothing: `handrail policy check` warns of them."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from handrail.cli import main
from handrail.policies import load_bundle
from handrail.policies.lint import warnings
from tests.bundles import bundle

ROOT = Path(__file__).resolve().parents[3]


def policy(*rules: str, default: str = "allow") -> str:
    return f"{{id: p, rules: {{default_action: {default}, rules: [{', '.join(rules)}]}}}}"


def above(id_: str, value: object, action: str, more: str = "", operator: str = "greater_than") -> str:
    return f"{{id: {id_}, condition: {{field: a, operator: {operator}, value: {value}}}, action: {action}{more}}}"


def both(first: str, second: str, joined: str = "all") -> str:
    return f"{{id: r, condition: {{{joined}: [{{{first}}}, {{{second}}}]}}, action: block}}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            policy(above("r", 1, "block", ", applies_to: {tools: [t], events: [response.proposed]}")),
            "p/r: never fires: it names tools, and none of its events has one",
        ),
        (
            policy(both("field: a, operator: greater_than, value: 500", "field: a, operator: less_than, value: 100")),
            "p/r: never fires: no value of a passes all of its conditions",
        ),
        (
            policy(
                both("field: a, operator: greater_than, value: 5", "field: a, operator: less_than_or_equal, value: 5")
            ),
            "p/r: never fires: no value of a passes all of its conditions",
        ),
        (
            policy(both("field: a, operator: equals, value: 5", "field: a, operator: equals, value: 6")),
            "p/r: never fires: no value of a passes all of its conditions",
        ),
        (policy(above("r", 1, "allow")), "p/r: changes nothing: an allow outweighs no other rule"),
        (
            policy(above("wide", 100, "block"), above("r", 500, "require_approval")),
            "p/r: changes nothing: p/wide fires wherever it does, with block",
        ),
        (
            policy(above("wide", 100, "block"), above("r", 100, "require_approval")),
            "p/r: changes nothing: p/wide fires wherever it does, with block",
        ),
        (
            policy(above("r", "[600, 700]", "block", operator="between"), above("wide", 500, "block")),
            "p/r: changes nothing: p/wide fires wherever it does, with block",
        ),
    ],
)
def test_a_rule_that_does_nothing_is_warned_of(text: str, reason: str) -> None:
    warned = warnings(bundle(policy=text).policies)
    assert len(warned) == 1
    assert f"policy.yaml: {reason}" in str(warned[0])


@pytest.mark.parametrize(
    "text",
    [
        policy(above("ask", 100, "require_approval"), above("stop", 500, "block")),
        policy(above("r", 1, "allow"), default="block"),
        policy(both("field: a, operator: greater_than, value: 100", "field: a, operator: less_than, value: 500")),
        policy(both("field: a, operator: greater_than, value: 500", "field: b, operator: less_than, value: 100")),
        policy(
            both("field: a, operator: greater_than, value: 500", "field: a, operator: less_than, value: 100", "any")
        ),
        policy(
            both(
                "field: a, operator: less_than_or_equal, value: 5",
                "field: a, operator: greater_than_or_equal, value: 5",
            )
        ),
        policy(above("wide", 100, "block", ", mode: shadow"), above("r", 500, "block")),
        policy(above("wide", 100, "block", ", applies_to: {agents: [x]}"), above("r", 500, "block")),
        policy(above("wide", 100, "block"), above("r", 500, "block", ", on_missing: match")),
        policy(above("one", 100, "require_approval"), above("two", 500, "require_approval", ", approvals: 2")),
        policy(above("refuse", 100, "block", ", on_block: refuse"), above("r", 500, "block", ", on_block: escalate")),
        policy(above("at", 500, "block"), above("r", 500, "require_approval", operator="greater_than_or_equal")),
    ],
)
def test_a_rule_that_does_something_is_not(text: str) -> None:
    assert warnings(bundle(policy=text).policies) == []


@pytest.mark.parametrize("folder", ["handrail/policies/packs", "handrail/demo/policies"])
def test_our_own_policies_have_no_warning(folder: str) -> None:
    assert warnings(load_bundle(ROOT / folder).policies) == []


def test_check_prints_warnings_and_ends_well(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(policy(above("r", 1, "allow")))
    warning = "p.yaml: p/r: changes nothing: an allow outweighs no other rule, and the default allows already"
    result = CliRunner().invoke(main, ["policy", "check", str(tmp_path)])
    assert (result.exit_code, result.stderr) == (0, f"warning: {warning}\n")
    as_json = CliRunner().invoke(main, ["policy", "check", str(tmp_path), "--json"])
    assert json.loads(as_json.stdout)["warnings"] == [warning]
