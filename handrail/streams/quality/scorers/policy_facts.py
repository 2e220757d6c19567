"""Writes that a rule in shadow forbids. Where its rules rest on facts, they hold the agent to what tools have answered.

Its rules are those of the bundle with `mode: shadow` that read a fact (`tools.yaml`); without one there is nothing to
score.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from handrail.policies.policy import Policy
from handrail.streams.quality.scorers.score import EVIDENCE_MAX, Score
from handrail.streams.quality.transcript import Transcript

FORBIDS = frozenset({"block", "halt"})


def applies(policies: Iterable[Policy], facts: frozenset[str]) -> bool:
    """Whether a bundle has a rule in shadow that reads one of the `facts` (`Tools.fact_names`) and forbids."""
    return any(
        rule.mode == "shadow"
        and rule.action in FORBIDS
        and any(leaf.field in facts for leaf in rule.condition.leaves())
        for policy in policies
        for rule in policy.rules
    )


def score(transcript: Transcript) -> Score | None:
    """0 where a write was made that such a rule forbids, else 1; None where no write has a decision."""
    decided = {
        decision.action_id: decision
        for decision in transcript.decisions
        if decision.kind == "action" and decision.action_id
    }
    judged = [
        (call.offset, decided[call.action_id])
        for call in transcript.calls()
        if call.writes and not call.failed and call.action_id in decided
    ]
    if not judged:
        return None
    forbidden = [offset for offset, decision in judged if any(_forbids(decision.reasons))]
    return Score(0.0 if forbidden else 1.0, len(forbidden), tuple(forbidden[:EVIDENCE_MAX]))


def _forbids(reasons: Iterable[Mapping[str, Any]]) -> Iterator[bool]:
    for reason in reasons:
        yield reason.get("mode") == "shadow" and reason.get("action") in FORBIDS
