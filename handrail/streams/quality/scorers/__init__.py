"""Scorers: what the log alone says about the quality of a conversation. One file each, pure, at most 2 ms.

None of them is the truth, and they are never averaged: each is watched by itself, for a change (docs/quality.md).
"""

from collections.abc import Iterable, Iterator

from handrail.streams.quality.scorers import (
    canned,
    customer_repeats,
    ended_badly,
    handoff_again,
    policy_facts,
    tool_errors,
    unconfirmed,
    ungrounded,
)
from handrail.streams.quality.scorers.score import Score, Scorer
from handrail.streams.quality.transcript import Transcript

SCORERS = tuple(
    Scorer(name, 1, score)
    for name, score in (
        ("policy_facts", policy_facts.score),
        ("ended_badly", ended_badly.score),
        ("tool_errors", tool_errors.score),
        ("ungrounded", ungrounded.score),
        ("unconfirmed", unconfirmed.score),
        ("customer_repeats", customer_repeats.score),
        ("canned", canned.score),
        ("handoff_again", handoff_again.score),
    )
)
"""All of them, those that say most first."""


def scored(transcript: Transcript, scorers: Iterable[Scorer] = SCORERS) -> Iterator[tuple[Scorer, Score | None]]:
    """What each says; nothing can be said of a conversation with records that nobody could read."""
    for scorer in scorers:
        yield scorer, None if transcript.unreadable else scorer.score(transcript)
