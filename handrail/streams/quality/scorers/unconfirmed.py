"""Writes to which the customer's latest words do not agree. The words are English."""

import re
from collections.abc import Iterator

from handrail.streams.quality.scorers.score import Score, counted
from handrail.streams.quality.transcript import Called, Said, Transcript

MOST = 2
AGREES = re.compile(
    r"\b(yes|yeah|yep|sure|confirm\w*|go ahead|proceed|please do|that's (right|correct|fine)|ok(ay)?|correct|"
    r"sounds good|agree)\b",
    re.IGNORECASE,
)
CHARACTERS_MAX = 8_000


def score(transcript: Transcript) -> Score | None:
    """1 where each write was agreed to, half less for each that was not; None where the agent wrote nothing."""
    if not any(call.writes for call in transcript.calls()):
        return None
    return counted(_unconfirmed(transcript), MOST)


def _unconfirmed(transcript: Transcript) -> Iterator[int]:
    agreed = False
    for turn in transcript.turns:
        if isinstance(turn, Said) and turn.by == "customer":
            agreed = AGREES.search(turn.text[:CHARACTERS_MAX].replace("’", "'")) is not None
        elif isinstance(turn, Called) and turn.writes and not turn.own and not agreed:
            yield turn.offset
