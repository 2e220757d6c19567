"""Amounts of money that the agent says, and that neither a tool nor the customer has named before."""

import re
from collections.abc import Iterator
from typing import Any

from handrail.streams.quality.scorers.score import Score, counted
from handrail.streams.quality.transcript import Called, Said, Transcript

MOST = 4
AMOUNT = re.compile(r"[$€£]\s?(\d[\d,]*(?:\.\d+)?)")
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
VALUES_MAX = 5_000  # of one result
CHARACTERS_MAX = 50_000  # of one text


def score(transcript: Transcript) -> Score | None:
    """1 where each amount has a source, a quarter less for each without; None where the agent said no amount."""
    if not any(AMOUNT.search(message.text[:CHARACTERS_MAX]) for message in transcript.messages("agent")):
        return None
    return counted((offset for offset, grounded in _amounts(transcript) if not grounded), MOST)


def _amounts(transcript: Transcript) -> Iterator[tuple[int, bool]]:
    known: set[str] = set()
    for turn in transcript.turns:
        if isinstance(turn, Called):
            known.update(numbers(turn.result))
            known.update(numbers(turn.arguments))
        elif isinstance(turn, Said) and turn.by == "customer":
            known.update(numbers(turn.text))
        elif isinstance(turn, Said):
            for amount in AMOUNT.findall(turn.text[:CHARACTERS_MAX]):
                yield turn.offset, plain(amount) in known


def numbers(value: Any) -> Iterator[str]:
    """Every number in a value of JSON, those in its texts and names included; of the first VALUES_MAX values."""
    left, visited = [value], 0
    while left and visited < VALUES_MAX:
        item, visited = left.pop(), visited + 1
        if isinstance(item, dict):
            left += [*item.keys(), *item.values()]
        elif isinstance(item, list | tuple):
            left += item
        elif isinstance(item, str | int | float) and not isinstance(item, bool):
            yield from map(plain, NUMBER.findall(str(item)[:CHARACTERS_MAX]))


def plain(number: str) -> str:
    """`1,234.50` and `1234.5` are the same."""
    bare = number.replace(",", "")
    return bare.rstrip("0").rstrip(".") if "." in bare else bare
