"""Rules that load, show as judging, and never act: each is judged, refused or named."""

import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from handrail.cli import main
from handrail.client import Blocked, Halted
from handrail.policies import Bundle, load_bundle
from handrail.policies.lint import all_warnings
from handrail.policies.mistakes import nearest
from handrail.schemas.errors import PolicyErrors
from tests.bundles import bundle, written
from tests.log import Log, Outcome
from tests.unit.client.inprocess import Governor

ABOVE = "{{id: r, condition: {{field: {}, operator: greater_than, value: {}}}, action: {}{}}}"


def policy(rule: str, more: str = "", id_: str = "p", default: str = "allow") -> str:
    return f"id: {id_}\nname: P\n{more}\nrules:\n  default_action: {default}\n  rules:\n    - {rule}\n"


# --- llm_call

LLM = "applies_to: {events: [llm.proposed]}"
MODEL = {"provider": "openai", "name": "gpt-4.1"}


def asks(log: Log, tokens: int = 100, model: dict[str, Any] = MODEL, **more: Any) -> None:
    log.event("llm.proposed", model=model, estimate={"input_tokens": tokens, "output_tokens": 1}, **more)


def answered(of: Bundle, *tokens: int) -> Outcome:
    log = Log()
    for number in tokens:
        asks(log, number)
    return log.fold(of)


@pytest.mark.parametrize(
    "rule",
    [
        policy(ABOVE.format("estimate.input_tokens", 1000, "block", ""), LLM),
        policy(ABOVE.format("data.estimate.input_tokens", 1000, "block", f", {LLM}")),
        policy(
            ABOVE.format("estimate.input_tokens", 1000, "block", ", applies_to: {events: [handrail.llm.proposed.v1]}")
        ),
        "version: 1\ndefault_action: allow\nactions:\n  llm_call:\n    policies:\n"
        "      - {parameter: estimate.input_tokens, operator: max_value, value: 1000, action: block}\n",
    ],
)
def test_a_rule_on_calls_of_models_judges_them(rule: str) -> None:
    outcome = answered(bundle(p=rule), 100, 5_000)
    assert [(one["kind"], one["verdict"]) for one in outcome.decisions] == [("llm", "allow"), ("llm", "block")]
    assert outcome.codes() == ["policy"]
    assert outcome.handoffs == []


def test_a_rule_on_the_model_and_on_what_was_spent() -> None:
    name = "{id: m, condition: {field: model, operator: equals, value: gpt-4.1}, action: block}"
    spent = ABOVE.format("cost_usd", 5, "block", "")
    log = Log()
    asks(log)
    asks(log, model={"provider": "openai", "name": "gpt-4.1-mini"})
    log.spends("6")
    asks(log)
    assert log.fold(bundle(p=policy(name, LLM))).verdicts == ["block", "allow", "block"]
    assert log.fold(bundle(p=policy(spent, LLM))).verdicts == ["allow", "allow", "block"]


def test_a_default_of_block_holds_for_calls_of_models() -> None:
    rule = "{id: r, condition: {field: model, operator: equals, value: none}, action: block}"
    assert answered(bundle(p=policy(rule, LLM, default="block")), 1).verdicts == ["block"]


def test_in_shadow_it_is_named_and_holds_nothing() -> None:
    outcome = answered(bundle(p=policy(ABOVE.format("estimate.input_tokens", 10, "block", ", mode: shadow"), LLM)), 100)
    assert (outcome.verdicts, outcome.codes()) == (["allow"], ["policy"])


def test_what_would_need_a_person_is_blocked_and_calls_one_where_the_rule_says_so() -> None:
    asked = bundle(p=policy(ABOVE.format("estimate.input_tokens", 10, "require_approval", ""), LLM))
    outcome = answered(asked, 100)
    assert (outcome.verdicts, outcome.handoffs) == (["block"], [])
    called = bundle(p=policy(ABOVE.format("estimate.input_tokens", 10, "block", ", on_block: escalate"), LLM))
    outcome = answered(called, 100)
    assert [one["kind"] for one in outcome.handoffs] == ["escalation"]
    assert outcome.decisions[0]["handoff_id"] == outcome.handoffs[0]["handoff_id"]


def test_a_case_can_ask_for_a_call_of_a_model(tmp_path: Path) -> None:
    written(tmp_path, p=policy(ABOVE.format("estimate.input_tokens", 1000, "block", ""), LLM))
    ask = "event: llm.proposed, data: {model: {provider: p, name: m}, estimate: {input_tokens: %d, output_tokens: 1}}"
    blocked = f"- {{note: large, input: {{{ask % 2_000}}}, want_verdict: block, want_rules: [p/r]}}\n"
    allowed = f"- {{note: small, input: {{{ask % 10}}}, want_verdict: allow, want_rules: []}}\n"
    written(tmp_path / "cases", p=blocked + allowed)
    done = CliRunner().invoke(main, ["policy", "test", str(tmp_path)])
    assert done.exit_code == 0, done.output + done.stderr
    written(tmp_path / "cases", p=blocked.replace("want_verdict: block", "want_verdict: allow"))
    assert CliRunner().invoke(main, ["policy", "test", str(tmp_path)]).exit_code == 1


def test_a_repeated_question_gets_the_same_answer() -> None:
    log = Log()
    for _ in range(2):
        asks(log, 5_000, id="l")
    outcome = log.fold(bundle(p=policy(ABOVE.format("estimate.input_tokens", 1000, "block", ""), LLM)))
    assert [one["verdict"] for one in outcome.decisions] == ["block", "block"]
    assert outcome.decisions[1]["repeat"]


async def test_an_agent_asks_before_it_calls_a_model() -> None:
    rule = policy(ABOVE.format("estimate.input_tokens", 1000, "block", ""), LLM)
    async with Governor(bundle(p=rule)).agent(timeout_s=5) as agent:
        answer = await agent.propose_llm("openai/gpt-4.1", estimate={"input_tokens": 100, "output_tokens": 10})
        assert answer.decision is not None
        assert (answer.decision.kind, answer.allowed) == ("llm", True)
        with pytest.raises(Blocked):
            await agent.propose_llm(MODEL, estimate={"input_tokens": 5_000, "output_tokens": 1})
        await agent.llm(MODEL, None, cost_usd="11")
        with pytest.raises(Halted):
            await agent.propose_llm(MODEL)


@pytest.mark.parametrize("event", ["action.executed", "llm.completed", "handrail.action.executed.v1", "message.sent"])
@pytest.mark.parametrize("whole", [True, False])
def test_scopes_that_nothing_judges_are_refused(event: str, whole: bool) -> None:
    scope = f"applies_to: {{events: [action.proposed, {event}]}}"
    rule = ABOVE.format("a", 1, "block", "" if whole else f", {scope}")
    with pytest.raises(PolicyErrors, match="no event that rules judge") as refused:
        bundle(p=policy(rule, scope if whole else ""))
    if "message" not in event:
        assert f"write {event.removeprefix('handrail.').split('.')[0]}.proposed" in str(refused.value)


# --- folders in the folder

REFUND = policy(ABOVE.format("amount", 5, "block", ""), id_="refunds")


@pytest.mark.parametrize("at", ["emea/refunds.yaml", "emea/deep/er/refunds.yml", "tests/case.yaml", "a b/REFUNDS.YAML"])
def test_a_policy_in_a_folder_of_the_folder_is_refused_and_named(tmp_path: Path, at: str) -> None:
    written(tmp_path, refunds=REFUND)
    path = tmp_path / at
    path.parent.mkdir(parents=True)
    path.write_text(REFUND)
    with pytest.raises(PolicyErrors) as refused:
        load_bundle(tmp_path)
    (line,) = str(refused.value).splitlines()
    assert line.startswith(str(tmp_path / at.split("/")[0]))
    assert at.partition("/")[2] in line
    assert "would not be read" in line
    result = CliRunner().invoke(main, ["policy", "check", str(tmp_path)])
    assert (result.exit_code, at.split("/")[0] in result.stderr) == (1, True)


def test_a_folder_behind_a_link_is_no_way_around_it(tmp_path: Path) -> None:
    folder = written(tmp_path / "policies", refunds=REFUND)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "more.yaml").write_text(REFUND)
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "round").symlink_to(folder)
    with pytest.raises(PolicyErrors, match="linked"):
        load_bundle(folder)


def test_hidden_folders_cases_and_folders_without_policies_are_no_mistake(tmp_path: Path) -> None:
    folder = written(tmp_path, refunds=REFUND)
    for name in (".git", "..2026_11_29", "cases", "docs", "docs/.hidden"):
        (folder / name).mkdir()
    for name in (".git/a.yaml", "..2026_11_29/a.yaml", "cases/refunds.yaml", "docs/readme.md", "docs/.hidden/a.yaml"):
        (folder / name).write_text("- {}\n")
    assert len(load_bundle(folder).policies) == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into everything")
def test_a_folder_that_cannot_be_looked_into_may_have_one(tmp_path: Path) -> None:
    folder = written(tmp_path, refunds=REFUND)
    (folder / "closed").mkdir(mode=0)
    with pytest.raises(PolicyErrors, match="closed"):
        load_bundle(folder)


# --- names of tools

TOOLS = "tools: {issue_refund: {effect: write, fields: {refund_usd: arguments.amount}}, get_order: {effect: read}}"
NAMED = policy(ABOVE.format("refund_usd", 500, "block", ""), "applies_to: {tools: [issue_refund]}")


@pytest.mark.parametrize(
    "tool",
    [
        "issue_refund", "shop.issue_refund", "mcp__shop__issue_refund", "shop-issue_refund", "shop_issue_refund",
        "shop issue refund", "Shop-Issue-Refund", "issueRefund", "IssueRefund", "issue_refund\u200b",
        "issue\u00adrefund", "shop>issue_refund", "shop|issue_refund", "shop#issue_refund", "shop\\issue_refund",
        "issue_refund()", "eu_shop_issue_refund", "shop@issue-refund", "issue__refund",
        "shop\u2060_issue_refund", "_issue_refund_",
    ],
)  # fmt: skip
def test_a_tool_is_found_under_the_names_that_gateways_give_it(tool: str) -> None:
    log = Log()
    log.proposes(tool, amount=900)
    outcome = log.fold(bundle(p=NAMED, tools=TOOLS))
    assert outcome.verdicts == ["block"]
    assert outcome.decisions[0]["reasons"][0]["evidence"]["value"] == 900


@pytest.mark.parametrize(
    "tool", ["reissue_refund", "issue_refund_report", "refund", "issue", "issue_a_refund", "", "-"]
)
def test_another_tool_is_not_taken_for_it(tool: str) -> None:
    of = bundle(p=NAMED, tools=TOOLS)
    assert not of.policies[0].rules[0].scope.tools(tool)  # type: ignore[misc]
    assert of.effect(tool) == "unknown"


def test_a_short_name_is_not_found_at_the_end_of_another_word() -> None:
    of = bundle(p=NAMED.replace("issue_refund", "refund"), tools=TOOLS.replace("issue_refund", "refund"))
    for tool, found in {"refund": 1, "shop.refund": 1, "Refund()": 1, "get_refund": 0, "list-refund": 0}.items():
        assert of.policies[0].rules[0].scope.tools(tool.casefold()) == bool(found), tool  # type: ignore[misc]


def test_of_two_that_fit_the_longer_name_is_meant() -> None:
    tools = "tools: {get_order: {effect: read}, drop_get_order: {effect: write}}"
    of = bundle(tools=tools)
    effects = [of.effect(tool) for tool in ("get_order", "shop_get_order", "shop_drop_get_order", "drop_get_order")]
    assert effects == ["read", "read", "write", "write"]


# --- names that are nearly others


def said(**files: str) -> list[str]:
    return [str(one) for one in all_warnings(bundle(**files))]


@pytest.mark.parametrize(
    ("field", "near"),
    [
        ("refund_sud", "refund_usd"),
        ("refnud_usd", "refund_usd"),
        ("refund_us", "refund_usd"),
        ("refundd_usd", "refund_usd"),
        ("Refund_usd", "refund_usd"),
        ("order_totla", "order_total"),
        ("argumnets.amount", "arguments.amount"),
        ("usage.cost_uds", "usage.cost_usd"),
        ("costs_usd", "cost_usd"),
        ("classification.topci", "classification.topic"),
    ],
)
def test_a_field_that_is_nearly_a_known_one_is_named_with_it(field: str, near: str) -> None:
    tools = TOOLS.replace("arguments.amount}", "arguments.amount}, facts: {order_total: results.get_order.total}")
    (found,) = said(p=policy(ABOVE.format(field, 5, "block", "")), tools=tools)
    assert f"p/r: {field} " in found
    assert f"did you mean {near}?" in found


@pytest.mark.parametrize(
    "field", ["refund_usd", "amount", "arguments.amuont", "quantity", "usage.cost_usd", "data.x", "steps"]
)
def test_a_field_that_is_known_or_like_none_is_not(field: str) -> None:
    assert said(p=policy(ABOVE.format(field, 5, "block", "")), tools=TOOLS) == []


@pytest.mark.parametrize("tool", ["isseu_refund", "issue_refunds", "get_oder"])
def test_a_tool_that_tools_yaml_does_not_list_is_named_with_the_nearest(tool: str) -> None:
    near = "get_order" if tool.startswith("get") else "issue_refund"
    rule = ABOVE.format("amount", 5, "block", "")
    (found,) = said(p=policy(rule, f"applies_to: {{tools: [{tool}]}}"), tools=TOOLS)
    assert f"{tool} is no tool of tools.yaml: did you mean {near}?" in found
    named = f"{{id: r, condition: {{field: tool_name, operator: equals, value: {tool}}}, action: block}}"
    (found,) = said(p=policy(named), tools=TOOLS)
    assert f"did you mean {near}?" in found


@pytest.mark.parametrize("tool", ["issue_refund", "shop.issue_refund", "issueRefund", "something_else"])
def test_a_tool_that_is_listed_or_like_none_is_not(tool: str) -> None:
    rule = ABOVE.format("amount", 5, "block", "")
    assert said(p=policy(rule, f"applies_to: {{tools: [{tool}]}}"), tools=TOOLS) == []


def test_the_check_says_what_only_agents_that_ask_bring() -> None:
    (found,) = said(p=policy(ABOVE.format("estimate.input_tokens", 10, "block", ""), LLM), tools=TOOLS)
    assert "only agents that ask" in found


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("ab", "ba", True), ("amuont", "amount", True), ("amount", "amount", False), ("x", "y", False),
        ("refund_usd", "refund_eur", False), ("refnud_uds", "refund_usd", True), ("cost", "cast", True),
        ("a" * 60, "a" * 59 + "b", True), ("", "a", False),
    ],
)  # fmt: skip
def test_near_is_a_slip_of_a_finger(one: str, other: str, near: bool) -> None:
    assert (nearest(one, [other]) is not None) == near
    assert nearest(unicodedata.normalize("NFC", one), []) is None


# --- a routing file of one's own

FRAUD = "topics: [fraud]\nrules: "
OWN = "topics: [fraud, orders]\nrules: [{when: {topic: fraud}, route: human}]\n"


def test_what_a_routing_file_drops_is_named() -> None:
    assert said(routing=OWN, tools=TOOLS) == [
        "routing.yaml: account_security, disputes go to the AI, which the built-in one sends to a human: give them a "
        "rule, or write `drops: [account_security, disputes]`"
    ]


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        (OWN + "drops: [account_security, disputes]\n", ""),
        (OWN + "drops: [disputes]\n", "account_security"),
        ("rules: [{route: human}]\n", ""),
        ("rules: []\n", "account_security, disputes, fraud"),
        ("rules: [{route: ai_supervised}]\n", ""),
        (
            FRAUD + "[{when: {topic: fraud, risk: high}, route: human}, {when: {risk: [low, medium]}, route: human}]\n",
            "account_security, disputes",
        ),
        (
            FRAUD + "[{when: {topic: fraud, risk: high}, route: human}]\n",
            "account_security, disputes, fraud",
        ),
        (FRAUD + "[{when: {topic: fraud}, route: ai}, {route: human}]\n", "fraud"),
        (
            FRAUD + "[{when: {topic: fraud, customer.tier: gold}, route: human}]\n",
            "account_security, disputes, fraud",
        ),
    ],
)
def test_protections_are_found_whatever_rule_gives_them(text: str, dropped: str) -> None:
    found = said(routing=text, tools=TOOLS)
    assert len(found) == bool(dropped)
    assert all(one.startswith(f"routing.yaml: {dropped} ") for one in found)


@pytest.mark.parametrize("bad", ["[frauds]", "[orders]", "7", "{a: 1}"])
def test_drops_names_what_the_built_in_one_protects(bad: str) -> None:
    with pytest.raises(PolicyErrors, match="drops"):
        bundle(routing=f"{OWN}drops: {bad}\n")


def test_the_built_in_files_and_the_packs_are_without_a_warning() -> None:
    packs = Path(__file__).resolve().parents[2] / "handrail" / "policies" / "packs"
    assert [str(one) for one in all_warnings(load_bundle(None))] == []
    assert [str(one) for one in all_warnings(load_bundle(packs))] == []
