"""Tools that agents propose, beside those that files name."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from handrail.doctor import policies as checks
from handrail.doctor.installation import find_installation
from handrail.doctor.line import Line
from tests.book import Book
from tests.bundles import written

TOOLS = "tools: {refund: {effect: write}, get_order: {effect: read}}"
RULE = """
id: p
name: P
applies_to: {tools: [issue_credit]}
rules:
  default_action: allow
  rules:
    - {id: r, condition: {field: amount, operator: greater_than, value: 5}, action: block}
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data"


def looked(data: Path, *tools: str, **files: str) -> list[Line]:
    book = Book().at("2026-03-02 09:00:00")
    for number, tool in enumerate(tools):
        book.event("c-1", "action.proposed", action_id=f"a{number}", tool=tool, arguments={})
    book.store(data).close()
    policies = written(data.parent / "policies", **files) if files else None
    return checks.check_tool_names(find_installation({"data": data, "policies": policies}))


def test_a_tool_that_is_named_nowhere_is_told_with_what_it_may_be(data: Path) -> None:
    seen = ["shop_refund"] * 3 + ["isue_credit", "Get-Order", "shop.issue_credit", "export_all"]
    lines = looked(data, *seen, tools=TOOLS, p=RULE)
    assert [line.status for line in lines] == ["warn"] * 3
    messages = [line.message for line in lines]
    assert messages[0].startswith("shop_refund (3 proposals) is named")
    assert messages[0].endswith("did you mean refund?")
    assert any(
        message.startswith("isue_credit") and message.endswith("did you mean issue_credit?") for message in messages
    )
    assert any(text.startswith("export_all") and "did you mean" not in text for text in messages)


def test_what_is_named_and_was_never_proposed_is_one_line(data: Path) -> None:
    (line,) = looked(data, *["get_order"] * 10, tools=TOOLS, p=RULE)
    assert line.message == "named, and never proposed: refund, issue_credit"


def test_all_as_named_is_well(data: Path) -> None:
    lines = looked(data, *["get_order", "crm/refund", "Issue-Credit"] * 4, tools=TOOLS, p=RULE)
    assert [line.status for line in lines] == ["ok"]


def test_without_names_or_without_proposals_there_is_nothing_to_say(data: Path) -> None:
    assert looked(data, "anything", p=RULE.replace("applies_to: {tools: [issue_credit]}", "")) == []


def test_many_strangers_are_not_many_pages(data: Path) -> None:
    lines = looked(data, *[f"tool_{number}" for number in range(40)], tools=TOOLS)
    assert len(lines) == checks.SHOWN_MAX + 2
    assert "30 more tools" in lines[-2].message


def test_doctor_shows_them_and_what_the_check_warns_of(data: Path) -> None:
    from handrail.cli import main

    looked(data, "shop_refund", tools=TOOLS)
    folder = written(data.parent / "policies", tools=TOOLS, p=RULE, routing="topics: [orders]\nrules: []\n")
    done = CliRunner().invoke(main, ["doctor", "--data", str(data), "--policies", str(folder)])
    assert "shop_refund (1 proposals) is named" in done.output.replace("\n", " ")
    assert "drops: [account_security, disputes, fraud]" in " ".join(done.output.split())
