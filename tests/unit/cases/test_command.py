"""`handrail policy test`: what it says, and how it ends."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from handrail.cli import main

ROOT = Path(__file__).resolve().parents[3]
POLICY = """
id: refunds
rules:
  default_action: allow
  rules:
    - {id: ask, condition: {field: amount, operator: greater_than, value: 100}, action: require_approval}
    - {id: stop, condition: {field: amount, operator: greater_than, value: 500}, action: block}
"""
GOOD = """
- note: 300 waits
  input: {tool: refund, arguments: {amount: 300}}
  want_verdict: require_approval
  want_rules: [refunds/ask]
- note: 900 does not
  input: {tool: refund, arguments: {amount: 900}}
  want_verdict: block
  want_rules: [refunds/stop, refunds/ask]
"""
WRONG = """
- note: 300 is fine
  input: {tool: refund, arguments: {amount: 300}}
  want_verdict: allow
  want_rules: []
  want_route: human
  want_handoff: none
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of policies with cases inside."""
    (tmp_path / "mine" / "cases").mkdir(parents=True)
    (tmp_path / "mine" / "refunds.yaml").write_text(POLICY)
    (tmp_path / "mine" / "cases" / "refunds.yaml").write_text(GOOD)
    return tmp_path / "mine"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["policy", "test", *map(str, arguments)])


def write(folder: Path, text: str) -> Path:
    path = folder / "cases" / "refunds.yaml"
    path.write_text(text)
    return path


def test_all_pass(folder: Path) -> None:
    result = run(folder)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "2 of 2 cases passed, from 1 file; 2 of 2 rules fired\n"


def test_a_failing_case_is_one_line_with_what_was_wanted_and_what_came(folder: Path) -> None:
    path = write(folder, GOOD + WRONG)
    result = run(folder)
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        f"{path}: 300 is fine: verdict: wanted allow, got require_approval; route: wanted human, got ai; "
        "handoff: wanted none, got approval; rules: wanted nothing, got refunds/ask",
        "2 of 3 cases passed, from 1 file; 2 of 2 rules fired",
    ]


def test_a_rule_that_fired_in_no_case_is_a_warning_and_with_cover_a_no(folder: Path) -> None:
    write(folder, GOOD.split("- note: 900")[0])
    result = run(folder)
    assert (result.exit_code, result.stderr) == (0, "warning: fired in no case: refunds/stop\n")
    assert result.stdout == "1 of 1 case passed, from 1 file; 1 of 2 rules fired\n"
    assert run(folder, "--cover").exit_code == 1


def test_some_cases_by_their_text(folder: Path) -> None:
    write(folder, GOOD + WRONG)
    assert run(folder, "-k", "waits").stdout == "1 of 1 case passed, from 1 file\n"
    assert run(folder, "-k", "REFUNDS.yaml").stdout.endswith("2 of 3 cases passed, from 1 file\n")
    nothing = run(folder, "-k", "dragons")
    assert (nothing.exit_code, nothing.stdout) == (2, "")
    assert "-k dragons: no case has this" in nothing.stderr


def test_as_json(folder: Path) -> None:
    path = write(folder, GOOD.split("- note: 900")[0] + WRONG)
    result = run(folder, "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert (report["cases"], report["passed"], report["never_fired"]) == (2, 1, ["refunds/stop"])
    failed = report["failed"][0]
    assert (failed["file"], failed["path"], failed["note"]) == (str(path), "[1]", "300 is fine")
    assert failed["differences"][0] == {"name": "verdict", "wanted": "allow", "got": "require_approval"}


def test_cases_are_looked_for_inside_then_beside(folder: Path) -> None:
    (folder / "cases").rename(folder.parent / "cases")
    assert run(folder).exit_code == 0
    (folder.parent / "cases").rename(folder.parent / "elsewhere")
    result = run(folder)
    assert result.exit_code == 2
    assert f"looked for {folder}/cases and {folder.parent}/cases; write some there, or say where" in result.stderr
    assert run(folder, "--cases", folder.parent / "elsewhere").exit_code == 0


def test_wrong_use(folder: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "nowhere").exit_code == 2
    assert run(folder, "--cases", tmp_path / "nowhere").exit_code == 2
    (tmp_path / "empty").mkdir()
    result = run(folder, "--cases", tmp_path / "empty")
    assert result.exit_code == 2
    assert "holds no case file: write one such as refunds.yaml" in result.stderr


def test_policies_that_are_refused_are_a_no(folder: Path) -> None:
    (folder / "refunds.yaml").write_text(POLICY.replace("allow", "deny"))
    result = run(folder)
    assert result.exit_code == 1
    assert 'rules.default_action: must be block, require_approval or allow, got "deny"' in result.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty: write a policy, or remove the file"),
        ("{note: n}", "must be a list of cases such as {note: too much"),
        ("- {note: n, input: {tool: t}}", "[0].want_verdict: is missing: write allow, require_approval, block or halt"),
        ("- {input: {tool: t}, want_verdict: block}", "[0].note: is missing: write what the case shows"),
        (
            "- {note: n, input: {tool: t}, want_verdict: deny}",
            '[0].want_verdict: must be allow, require_approval, block or halt, got "deny"',
        ),
        (
            "- {note: n, input: {tol: t}, want_verdict: block}",
            "[0].input.tol: is not known here: did you mean tool?",
        ),
        (
            "- {note: n, input: {tool: t}, want_verdict: block, want_rule: [a/b]}",
            "[0].want_rule: is not known here: did you mean want_rules?",
        ),
        (
            "- {note: n, input: {tool: t}, want_verdict: block, want_rules: [stop]}",
            '[0].want_rules: must name rules as policy/rule, got "stop"',
        ),
        (
            "- {note: n, input: {tool: t}, want_verdict: block, want_rules: [refunds/stopp]}",
            '[0].want_rules: "refunds/stopp" is no rule of this folder: did you mean refunds/stop?',
        ),
        (
            "- {note: n, policy: refund, input: {tool: t}, want_verdict: block}",
            '[0].policy: "refund" is no policy of this folder: did you mean refunds?',
        ),
        (
            "- {note: n, input: {tool: t, result: {}}, want_verdict: block}",
            "[0].input: has a result: what is judged has none yet, move the result into before",
        ),
        (
            "- {note: n, input: {event: message.sent, text: x}, want_verdict: block}",
            '[0].input.event: "message.sent" is no event that a case can bring: write one of',
        ),
        (
            "- {note: n, input: {tool: t}, want_verdict: allow}\n- {note: n, input: {tool: u}, want_verdict: allow}",
            '[1].note: "n" is used twice: say what is different here',
        ),
    ],
)
def test_a_mistake_in_a_case_file_says_what_to_write(folder: Path, text: str, said: str) -> None:
    path = write(folder, text)
    result = run(folder)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"{path}: ")
    assert said in result.stderr


def test_an_event_that_the_contract_refuses_fails_its_case_and_says_why(folder: Path) -> None:
    write(
        folder,
        "- {note: n, input: {tool: refund, arguments: {amount: 1}, customer: {tier: gold}}, want_verdict: allow}",
    )
    result = run(folder)
    assert result.exit_code == 1
    assert "verdict: wanted allow, got handrail.action.proposed.v1 is no record of the contract: data.customer.ref" in (
        result.stdout
    )


def test_the_readme_shows_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT / "handrail")
    printed = run("policies/packs", "--cover")
    assert printed.exit_code == 0
    assert f"$ handrail policy test policies/packs --cover\n{printed.stdout}" in Path("policies/README.md").read_text()


SUMS = """
id: refunds
rules:
  default_action: allow
  rules:
    - {id: split, condition: {sum: amount, over: 24h, operator: greater_than, value: 500}, action: block}
"""
SPLIT = """
- note: two that are executed, one that is only allowed, and one too much
  before:
    - {tool: refund, arguments: {amount: 200}, result: done}
    - {tool: refund, arguments: {amount: 200}, result: done}
    - {tool: refund, arguments: {amount: 100}}
  input: {tool: refund, arguments: {amount: 1}}
  want_verdict: block
  want_rules: [refunds/split]
  want_evidence: {value: 501, measure: sum, over: 24h}
- note: one of them failed
  before:
    - {tool: refund, arguments: {amount: 400}, status: error}
    - {tool: refund, arguments: {amount: 100}}
  input: {tool: refund, arguments: {amount: 400}}
  want_verdict: allow
- note: the next day
  before:
    - {tool: refund, arguments: {amount: 400}}
  input: {tool: refund, arguments: {amount: 400}, after: 25h}
  want_verdict: allow
- note: the same day
  before:
    - {tool: refund, arguments: {amount: 400}}
  input: {tool: refund, arguments: {amount: 400}, after: 23h}
  want_verdict: block
- note: no tool that has the amount
  input: {tool: look_up, arguments: {amount: 900}}
  want_verdict: allow
  want_skipped: [refunds/split amount]
"""


def test_sums_and_the_time_between_events(folder: Path) -> None:
    (folder / "refunds.yaml").write_text(SUMS)
    (folder / "tools.yaml").write_text("tools: {refund: {effect: write, fields: {amount: arguments.amount}}}")
    write(folder, SPLIT)
    result = run(folder)
    assert (result.exit_code, result.output) == (0, "5 of 5 cases passed, from 1 file; 1 of 1 rule fired\n")


def test_a_time_that_is_none(folder: Path) -> None:
    write(folder, "- {note: n, input: {tool: refund, after: soon}, want_verdict: allow}")
    result = run(folder)
    assert result.exit_code == 1
    assert '[0].input.after: must be a time such as 30m, 24h or 7d, at most 30d, got "soon"' in result.output
