"""An agent that goes on acting, or hands over once more, while a person has the conversation."""

from collections.abc import Iterator

from handrail.streams.quality.scorers.score import EVIDENCE_MAX, Score
from handrail.streams.quality.transcript import Called, Owned, Transcript


def score(transcript: Transcript) -> Score | None:
    """0 where it did, 1 where it did not; None where nothing was handed over."""
    if not any(isinstance(turn, Owned) and turn.by == "human" for turn in transcript.turns):
        return None
    acts = list(_acts_after(transcript))
    return Score(0.0 if acts else 1.0, len(acts), tuple(acts[:EVIDENCE_MAX]))


def _acts_after(transcript: Transcript) -> Iterator[int]:
    by_human = False
    for turn in transcript.turns:
        if isinstance(turn, Owned):
            by_human = turn.by == "human"
        elif isinstance(turn, Called) and by_human and not turn.own:
            yield turn.offset
