"""Seeded traffic for crash tests: conversations that exercise every part of the fold, and a human who answers."""

import random
from collections.abc import Iterator

from handrail.schemas.record import Record
from tests.log import Log

QUERIES = (
    "Where is my parcel?",
    "I want to talk to a human",
    "Somebody used my card, this is fraud",
    "Change my address",
)


def traffic(seed: int, conversations: int, turns: int) -> Iterator[Record]:
    """Events of many conversations, interleaved: queries, proposals of all amounts, loops, costs, answers, ends."""
    dice = random.Random(seed)
    logs = [Log(f"conv-{seed}-{number}") for number in range(conversations)]
    sent = [0] * conversations
    for _ in range(conversations * turns):
        number = dice.randrange(conversations)
        log = logs[number]
        _turn(log, dice)
        yield from log.records[sent[number] :]
        sent[number] = len(log.records)


def _turn(log: Log, dice: random.Random) -> None:
    name = f"{log.conversation}-{len(log.records)}"
    match dice.randrange(12):
        case 0:
            log.query(dice.choice(QUERIES), id=name)
        case 1 | 2 | 3:
            log.proposes("issue_refund", event_id=name, order_id=name, amount=dice.choice((50, 300, 900)))
        case 4 | 5:
            log.proposes("get_order", event_id=name, order_id=dice.randrange(3))
        case 6 | 7:
            log.does("get_order", result={"total": 9}, order_id=name)
        case 8:
            log.spends(dice.choice(("0.5", "4")), id=name)
        case 9:
            log.answers(f"It comes on day {dice.randrange(4)}, have a look at your mail.", id=name)
        case 10:
            log.event("message.sent", id=name, role="assistant", text="On its way.")
        case 11:
            log.raw(log.conversation.encode(), b'{"broken')
