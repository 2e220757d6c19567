"""Calls of tools that failed: by their status, or by a result that begins with "error"."""

from handrail.streams.quality.scorers.score import Score, counted
from handrail.streams.quality.transcript import Transcript

MOST = 3


def score(transcript: Transcript) -> Score | None:
    """1 without a failure, a third less for each, 0 from three on; None where the agent called nothing."""
    calls = transcript.calls()
    return counted((call.offset for call in calls if call.failed), MOST) if calls else None
