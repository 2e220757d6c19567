"""What an alarm says: the data of a `handrail.alert.v1`, the same for the same findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from typing import Any

from handrail.schemas.canonical import digest
from handrail.schemas.clock import to_rfc3339
from handrail.streams.quality.baseline import Baseline
from handrail.streams.quality.interval import LIMIT, Mean
from handrail.streams.quality.scissors import Comparison, Move, window
from handrail.streams.quality.shift import Shift

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)
PARTS_MAX = 5
NAMES = {
    "cost_usd": "cost per conversation",
    "deflection": "share resolved by the AI alone",
    "csat": "CSAT",
    "score": "score",
    "verified": "share resolved and verified",
    "repeated": "share who came back within 7 days",
    "intents": "what customers ask for",
    "verdicts": "what is decided",
    "confidence": "confidence",
}
SHARES = ("deflection", "verified", "repeated")


@dataclass(frozen=True, slots=True)
class Subject:
    """Who is judged, against what, and on which day."""

    tenant: str
    agent_id: str
    baseline: Baseline
    day: date


def divergence(subject: Subject, comparison: Comparison, examples: Sequence[str]) -> dict[str, Any]:
    """The scissors alarm in words and numbers."""
    moves = (*comparison.effort, *comparison.quality)
    evidence = {
        "effort": [_moved(move) for move in comparison.effort],
        "quality": [_moved(move) for move in comparison.quality],
        "limit_standard_errors": LIMIT,
    }
    words = " while ".join("; ".join(_words(move) for move in side) for side in (comparison.effort, comparison.quality))
    measure = ":".join(move.measure for move in moves)
    since, first = comparison.since, window(subject.baseline, subject.day)
    days = (subject.day - first).days + 1
    message = f"The scissors are open: {words}. Since {since}; means of the last {days} days beside the baseline's."
    return _alert("divergence", "high", subject, measure, "scissors", message, (since, first), evidence, examples)


def drift(subject: Subject, measure: str, moved: Shift, examples: Sequence[str]) -> dict[str, Any]:
    """What has shifted in one measure."""
    evidence = {
        "psi_baseline": round(moved.psi_baseline, 4),
        "psi_yesterday": None if moved.psi_yesterday is None else round(moved.psi_yesterday, 4),
        "psi_noise": round(moved.psi_noise, 4),
        "n": moved.n,
        "baseline_n": moved.baseline_n,
        "parts": {name: round(part, 4) for name, part in islice(moved.parts.items(), PARTS_MAX)},
    }
    message = (
        f"Drift: {NAMES[measure]} ({measure}) on {subject.day} is not what it was in the baseline: "
        f"PSI {moved.psi_baseline:.2f}, most of it in bin {next(iter(moved.parts))}."
    )
    since = (subject.day, subject.day)
    return _alert("drift", "medium", subject, measure, measure, message, since, evidence, examples)


def _alert(
    kind: str,
    severity: str,
    subject: Subject,
    measure: str,
    detector: str,
    message: str,
    times: tuple[date, date],
    evidence: dict[str, Any],
    examples: Sequence[str],
) -> dict[str, Any]:
    baseline = {"from": str(subject.baseline.first), "to": str(subject.baseline.end)}
    seed = [kind, subject.tenant, subject.agent_id, detector, str(subject.day), *baseline.values()]
    since, first = times
    return {
        "alert_id": f"al-{digest(seed)[:24]}",
        "kind": kind,
        "severity": severity,
        "message": message,
        "about": {"agent_id": subject.agent_id, "tenant": subject.tenant, "measure": measure},
        "since": start_of(since),
        "from": start_of(first),
        "to": start_of(subject.day + timedelta(days=1)),
        "evidence": {**evidence, "baseline": baseline},
        "examples": list(examples),
    }


def start_of(day: date) -> str:
    """Midnight UTC, as RFC 3339."""
    return to_rfc3339((day - EPOCH).days * DAY_MS)


def _words(move: Move) -> str:
    verb = "rose" if move.after.mean > move.before.mean else "fell"
    before, after = (_shown(move.measure, mean.mean) for mean in (move.before, move.after))
    return f"{NAMES[move.measure]} {verb} by {abs(move.change):.0%} ({before} to {after})"


def _shown(measure: str, value: float) -> str:
    if measure == "cost_usd":
        return f"${value:.3f}"
    return f"{value:.0%}" if measure in SHARES else f"{value:.2f}"


def _moved(move: Move) -> dict[str, Any]:
    return {
        "measure": move.measure,
        "since": str(move.since),
        "change": round(move.change, 4),
        "bound": round(move.bound, 6),
        "before": _mean(move.before),
        "after": _mean(move.after),
    }


def _mean(value: Mean) -> dict[str, Any]:
    return {"mean": round(value.mean, 6), "se": round(value.se, 6), "n": value.n, "days": value.days}
