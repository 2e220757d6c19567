"""A finding: one rule or detector that fired on one record, and what it asks for."""

from collections.abc import Collection
from typing import Any

import msgspec

ALLOW, REQUIRE_APPROVAL, BLOCK, HALT = range(4)
VERDICTS = ("allow", "require_approval", "block", "halt")

MESSAGE_MAX = 1000
VALUE_MAX = 256
PARTS = "parts"  # of a sum: bounded where they are listed


class Finding(msgspec.Struct, frozen=True):
    """`verdict` is what this finding alone would answer; `escalate` says whether a block calls a human."""

    code: str
    verdict: int
    message: str
    evidence: dict[str, Any]
    policy_id: str | None = None
    rule_id: str | None = None
    mode: str = "enforce"
    escalate: bool = True
    customer_message: str | None = None
    approvals: int = 1

    @property
    def reason(self) -> str:
        """What makes two findings the same reason for a handoff."""
        return f"{self.code}|{self.policy_id}|{self.rule_id}" if self.policy_id else self.code

    def as_dict(self) -> dict[str, Any]:
        """The entry in a decision's `reasons`."""
        return {
            "code": self.code,
            "policy_id": self.policy_id,
            "rule_id": self.rule_id,
            "action": VERDICTS[self.verdict],
            "mode": self.mode,
            "message": self.message[:MESSAGE_MAX],
            "evidence": {name: value if name == PARTS else cut(value) for name, value in self.evidence.items()},
        }


def cut(value: Any) -> Any:
    """The value itself when small; text and structures beyond VALUE_MAX characters are cut."""
    if isinstance(value, str):
        return value if len(value) <= VALUE_MAX else value[: VALUE_MAX - 1] + "…"
    if isinstance(value, list | dict):
        text = str(value)
        return value if len(text) <= VALUE_MAX else text[: VALUE_MAX - 1] + "…"
    return value


def ordinal(number: int) -> str:
    """`third`, `4th`: which time it is."""
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def most_restrictive(findings: Collection[Finding]) -> int:
    """The verdict of all findings that enforce; `ALLOW` where there is none."""
    if not findings:
        return ALLOW
    return max((finding.verdict for finding in findings if finding.mode == "enforce"), default=ALLOW)


def ordered(findings: list[Finding]) -> list[Finding]:
    """Most restrictive first, what enforces before what only watches, else in the order found; maybe the same list."""
    if len(findings) < 2:
        return findings
    return sorted(findings, key=lambda finding: (finding.mode != "enforce", -finding.verdict))
