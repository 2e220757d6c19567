"""Our own packs: they decide what their cases say, and every rule is seen to fire and says who answers for it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from handrail.cases import Outcome, decide, differences, load_cases, never_fired
from handrail.policies import Bundle, load_bundle
from handrail.policies.case import PolicyCase
from handrail.policies.parts import SETTINGS

POLICIES = Path(__file__).resolve().parents[3] / "handrail" / "policies"
PACKS = sorted(path for path in (POLICIES / "packs").glob("*.yaml") if path.name not in SETTINGS)
CASES = load_cases(POLICIES / "cases")
NAMES = ["account_security", "discounts", "disputes", "fraud", "quantities", "refunds"]


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return load_bundle(POLICIES / "packs")


@pytest.fixture(scope="module")
def got(bundle: Bundle) -> list[Outcome]:
    return [decide(case, bundle) for case in CASES]


def rules() -> list[Any]:
    found = [(path.stem, rule) for path in PACKS for rule in yaml.safe_load(path.read_text())["rules"]["rules"]]
    return [pytest.param(rule, id=f"{pack}/{rule['id']}") for pack, rule in found]


def test_there_are_six_packs_each_with_its_cases(bundle: Bundle) -> None:
    assert [policy.id for policy in bundle.policies] == NAMES
    assert sorted({Path(case.file).stem for case in CASES}) == NAMES


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{Path(case.file).stem}: {case.note}")
def test_case(case: PolicyCase, bundle: Bundle) -> None:
    assert list(map(str, differences(case, decide(case, bundle)))) == []


def test_every_rule_fires_in_a_case_and_is_silent_in_another_of_its_tool_or_event(
    bundle: Bundle, got: list[Outcome]
) -> None:
    assert never_fired(bundle, got) == []
    for policy in bundle.policies:
        own = [(case, came) for case, came in zip(CASES, got, strict=True) if policy.id in case.policies]
        for rule in policy.rules:
            name = f"{policy.id}/{rule.id}"
            assert [case for case, came in own if name not in came.rules and case.judged.type in rule.scope.events], (
                name
            )


def test_every_rule_that_can_be_skipped_is_so_in_a_case(bundle: Bundle, got: list[Outcome]) -> None:
    """A rule that is skipped where its field is missing is so in a case."""
    seen = {name.partition(" ")[0] for came in got for name in came.skipped}
    skips = {
        f"{policy.id}/{rule.id}" for policy in bundle.policies for rule in policy.rules if not rule.missing_matches
    }
    assert skips - seen == set()


@pytest.mark.parametrize("rule", rules())
def test_every_rule_says_what_to_tell_whom_and_who_answers_for_it(rule: dict[str, Any]) -> None:
    assert rule["severity"] in ("low", "medium", "high", "critical")
    assert rule["owner"]
    assert rule["owasp"]
    assert rule["description"].endswith(".")
    assert rule["message"]
    assert rule.get("customer_message") or rule["id"] == "suspicious-session"


def test_a_customer_is_told_no_threshold() -> None:
    """`limited-goods` and `too-many…` are for the customer to know; what money may be given is not."""
    for path in PACKS:
        for rule in yaml.safe_load(path.read_text())["rules"]["rules"]:
            assert "$" not in rule.get("customer_message", ""), rule["id"]
            assert "{{" not in rule.get("customer_message", ""), rule["id"]


@pytest.mark.parametrize("tool", ["refund", "issue_refund", "my_own_refund_tool"])
def test_a_small_refund_needs_nobody_whatever_the_tool_is_called(bundle: Bundle, tool: str) -> None:
    case = next(case for case in CASES if case.note == "100 is the agent's to give")
    renamed = replace(case, judged=replace(case.judged, data={**case.judged.data, "tool": tool}))
    assert decide(renamed, bundle).verdict == "allow"
