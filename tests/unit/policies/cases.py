"""Policy cases: `note`, `policy`, `input` and what is wanted, from `tests/golden/policies/*.yaml`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from handrail.policies import Bundle, Evaluation, Subject, canonical_tool, compile_bundle

FOLDER = Path(__file__).resolve().parents[2] / "golden" / "policies"
EVENT = "handrail.action.proposed.v1"


def cases(name: str) -> list[Any]:
    """The cases of a file, each under its note."""
    listed = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return [pytest.param(case, id=case["note"]) for case in listed]


def compiled(policy: str, files: Mapping[str, str] | None = None) -> Bundle:
    """The bundle of a policy, with other files beside it and none of the defaults."""
    return compile_bundle({"semantics": 2, "files": {"policy.yaml": policy, **(files or {})}})


def subject(given: Mapping[str, Any]) -> Subject:
    """What is judged; a case names only what it is about."""
    given = dict(given)
    event = given.pop("event", EVENT)
    tool = given.pop("tool", None)
    return Subject(
        event_type=event,
        kind="action" if event == EVENT else event.split(".")[1],
        tenant=given.pop("tenant", "default"),
        agent_id=given.pop("agent_id", "agent"),
        tool=canonical_tool(tool) if tool else None,
        **given,
    )


def action(judgement: Evaluation) -> str:
    """The most restrictive action of the rules that enforce."""
    acting = [finding.action for finding in judgement.findings if finding.mode == "enforce"]
    return acting[0] if acting else "allow"
