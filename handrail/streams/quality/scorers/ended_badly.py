"""Whether a conversation ended as none should: with an error, halted, abandoned, in a loop, or at a limit."""

from collections.abc import Iterator

from handrail.streams.quality.scorers.score import EVIDENCE_MAX, Score
from handrail.streams.quality.transcript import Decided, Transcript

BAD = frozenset({"error", "halted", "abandoned"})
CODES = ("loop.", "limit.")


def score(transcript: Transcript) -> Score | None:
    """0 for a bad end, 1 for another; None while it has not ended and nothing has stopped it."""
    bad = [end.offset for end in transcript.ends if end.outcome in BAD]
    bad += [decided.offset for decided in transcript.decisions if any(_stopped(decided))]
    if not bad and not transcript.ends:
        return None
    return Score(0.0 if bad else 1.0, len(bad), tuple(sorted(bad)[:EVIDENCE_MAX]))


def _stopped(decided: Decided) -> Iterator[bool]:
    for reason in decided.reasons:
        code = reason.get("code")
        yield isinstance(code, str) and code.startswith(CODES) and reason.get("mode") == "enforce"
