"""Policy files published elsewhere load as they are, and decide what they say."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from handrail.policies import Bundle, load_bundle
from handrail.schemas.errors import PolicyErrors
from tests.unit.policies.cases import action, subject


@pytest.fixture
def published(shared: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Bundle:
    """The bundle of one published file, its bytes unchanged."""
    shutil.copyfile(shared / "examples" / request.param, tmp_path / request.param)
    return load_bundle(tmp_path)


def decided(bundle: Bundle, arguments: dict[str, Any]) -> tuple[str, list[str | None]]:
    judged = bundle.evaluate(subject({"tool": "issue_refund", "arguments": arguments}))
    return action(judged), [finding.rule_id for finding in judged.findings]


KLARNA = ["klarna_refund_approval.yaml", "klarna_refund_approval_short.yaml"]
APPROVE, BLOCK = "rule-refund-require-approval", "rule-refund-block-high-value"


@pytest.mark.parametrize("published", KLARNA, indirect=True)
def test_the_refund_policy_allows_50_asks_for_300_and_blocks_900(published: Bundle) -> None:
    assert decided(published, {"refund_amount_usd": 50}) == ("allow", [])
    assert decided(published, {"refund_amount_usd": 100}) == ("allow", [])
    assert decided(published, {"refund_amount_usd": 300}) == ("require_approval", [APPROVE])
    assert decided(published, {"refund_amount_usd": 500}) == ("require_approval", [APPROVE])
    assert decided(published, {"refund_amount_usd": 900}) == ("block", [BLOCK, APPROVE])


@pytest.mark.parametrize("published", KLARNA[:1], indirect=True)
def test_the_refund_policys_messages_are_filled(published: Bundle) -> None:
    judged = published.evaluate(subject({"arguments": {"refund_amount_usd": 900}}))
    assert [finding.message for finding in judged.findings] == [
        "Refund of $900 exceeds AI authority limit ($500). Escalating to human agent.",
        "Refund of $900 requires manager approval (threshold: $100)",
    ]


@pytest.mark.parametrize("published", ["local_sdk.yaml"], indirect=True)
def test_the_local_shape_allows_50_asks_for_300_and_blocks_900(published: Bundle) -> None:
    assert decided(published, {"amount": 50}) == ("allow", [])
    assert decided(published, {"amount": 300}) == ("require_approval", ["refund_needs_approval"])
    assert decided(published, {"amount": 900}) == ("block", ["refund_too_high", "refund_needs_approval"])
    assert decided(published, {"amount": 5, "note": "the Password is x"}) == ("block", ["no_secrets"])


def test_two_files_of_one_id_are_refused_together(shared: Path, tmp_path: Path) -> None:
    for name in KLARNA:
        shutil.copyfile(shared / "examples" / name, tmp_path / name)
    with pytest.raises(PolicyErrors, match=r"is the id of .* too: give each policy its own id"):
        load_bundle(tmp_path)
