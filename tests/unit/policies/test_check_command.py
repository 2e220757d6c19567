"""`handrail policy check`: what was loaded, or every mistake at once."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from handrail.cli import main
from handrail.policies import limits as limits_file
from handrail.policies.limits import Limits, by_key
from tests.unit.policies.cases import FOLDER

TEN = [
    'agents.yaml: agents.refunds.enforcement: must be enforce or observe, got "watch"',
    "limits.yaml: default.step_max: is not known here: did you mean steps_max?",
    'limits.yaml: default.cost_usd_max: must be an amount in USD such as "10.00", got "ten dollars"',
    "refunds.yaml: rules.default_action: is missing: write allow, block or require_approval",
    'refunds.yaml: rules.rules[0].condition.operator: "greater_then" is no operator: did you mean greater_than?',
    'refunds.yaml: rules.rules[1].id: "too-high" is used twice: give each rule its own id',
    'refunds.yaml: rules.rules[1].condition.value: must be a number, got "five hundred"',
    'refunds.yaml: rules.rules[1].action: must be block, require_approval or allow, got "deny"',
    "refunds.yaml: rules.rules[1].message: has {{ or }} without its partner: write {{field}}",
    'tools.yaml: tools.refund.fields.refund_amount_usd: must be a path such as arguments.amount, got "amount"',
]


def check(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["policy", "check", *map(str, arguments)])


def test_ten_mistakes_are_printed_at_once_with_what_to_write_instead() -> None:
    folder = FOLDER / "ten_mistakes"
    result = check(folder)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [*(f"{folder}/{mistake}" for mistake in TEN), "refused: 10 mistakes"]


def test_mistakes_as_json() -> None:
    result = check(FOLDER / "ten_mistakes", "--json")
    listed = json.loads(result.stdout)["mistakes"]
    assert result.exit_code == 1
    assert [f"{Path(each['file']).name}: {each['path']}: {each['reason']}" for each in listed] == TEN


def test_a_good_folder_is_told_rule_by_rule(tmp_path: Path) -> None:
    (tmp_path / "refunds.yaml").write_text(
        "{id: p, rules: {default_action: allow, rules: "
        "[{id: big, condition: {field: amount, operator: greater_than, value: 5}, action: block}]}}"
    )
    result = check(tmp_path, "--json")
    loaded = json.loads(result.stdout)
    assert result.exit_code == 0
    assert loaded["policies"][0]["rules"] == [
        {"id": "big", "action": "block", "mode": "enforce", "judges": ["action.proposed"], "fields": ["amount"]}
    ]
    assert loaded["ruleset"] in check(tmp_path).stdout


def test_limits_are_shown_by_the_keys_that_set_them(tmp_path: Path) -> None:
    stated = {
        "loop_iterations": 4, "steps_max": 5, "cost_usd_max": "6.00", "time_max_s": 7,
        "confidence_min": {"query": 0.25, "response": 0.75}, "decision_ttl_s": 8, "approval_ttl_s": 9,
        "conversation_steps_max": 10, "conversation_cost_usd_max": "11.50", "equal_calls_max": 12,
        "unknown_call_usd": "0.13",
    }  # fmt: skip
    (tmp_path / "limits.yaml").write_text(json.dumps({"default": stated}))
    shown = json.loads(check(tmp_path, "--json").stdout)["limits"]
    assert {key: shown[key] for key in stated} == stated


def test_every_field_of_the_limits_is_shown() -> None:
    """A new one is there by itself, and cannot be forgotten among the keys of the file."""
    shown = by_key(Limits())
    assert shown.keys() == {*limits_file._KEYS, "confidence_min"}
    assert len(shown) + len(shown["confidence_min"]) - 1 == len(fields(Limits))


def test_no_such_folder_is_wrong_use() -> None:
    result = check("nowhere")
    assert result.exit_code == 2
    assert "nowhere: is no folder: give the folder that holds the policy files" in result.stderr


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("Refunds.YAML", b"id: p", "would not be read: rename it to refunds.yaml"),
        ("limits.yml", b"default: {}", "would not be read: rename it to limits.yaml"),
        ("p.yaml", b"id: \xff", "is not UTF-8 at byte 4: save it as UTF-8"),
        ("p.yaml", b"# " + b"x" * 1_000_000, "has more than 1000000 bytes: split it"),
    ],
)
def test_files_that_would_be_passed_over_or_misread_are_mistakes(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    result = check(tmp_path)
    assert result.exit_code == 1
    assert said in result.stderr


def test_the_folder_above_the_policies_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "p.yaml").write_text("id: p")
    result = check(tmp_path)
    assert result.exit_code == 1
    assert "would not be read: give that folder" in result.stderr


def test_the_readme_shows_what_the_command_prints() -> None:
    folder = "tests/golden/policies/ten_mistakes"
    shown = "\n".join([*(f"{folder}/{mistake}" for mistake in TEN), "refused: 10 mistakes"])
    assert (
        f"$ handrail policy check {folder}\n{shown}\n"
        in (FOLDER.parents[2] / "handrail/policies/README.md").read_text()
    )
