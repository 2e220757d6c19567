"""Loops that were found against those in the labels, and what knowing the writing tools changes."""

from collections.abc import Collection, Sequence

from benchmarks.report import domains
from benchmarks.report.conversations import CALLS, Conversation
from benchmarks.report.tables import share, succeeded, table
from handrail.schemas.record import Record

RUN = 3
HEADER = ("", "labelled: 3 or more in a row", "labelled: 3 or more in all", "neither")
MAPPED = ("domain", "tools.yaml", "loops found", "of them, task done", "halted", "of them, task done")


def section(conversations: Sequence[Conversation], log: list[Record]) -> str:
    in_a_row = [talk for talk in conversations if int(talk.label["max_run_identical"]) >= RUN]
    in_all = [talk for talk in conversations if int(talk.label["max_total_identical"]) >= RUN]
    neither = [talk for talk in conversations if talk not in in_a_row and talk not in in_all]
    groups = (in_a_row, in_all, neither)
    detected = [talk for talk in conversations if talk.fired(*CALLS)]
    missed = [talk for talk in in_a_row if talk not in detected]
    rows = [
        ("conversations", *map(len, groups)),
        ("found by Handrail", *(len(_among(detected, talks)) for talks in groups)),
        ("of those found, task done", *(_done(_among(detected, talks)) for talks in groups)),
        (
            "of those not found, task done",
            *(_done([talk for talk in talks if talk not in detected]) for talks in groups),
        ),
    ]
    mapped = [_mapped(conversations, log, name, there) for name in domains.DOMAINS for there in (False, True)]
    return f"""\
## Loops
The labels count identical calls of a conversation: in a row, and in all. Handrail counts a call each time it comes, and
starts again when something changed: a successful write, a step of the customer's own, another result of that call.

{table(HEADER, rows)}
{len(detected)} conversations with a loop of calls found; {succeeded(detected)} of them had done their task in the end.
{_missed(missed)}
Without a `tools.yaml` Handrail does not know which tools write, so that a check after each attempt at a mend looks like
a loop. With one for each domain ([tools](../benchmarks/report/tools)):

{table(MAPPED, mapped)}"""


def _among(some: Sequence[Conversation], talks: Sequence[Conversation]) -> list[Conversation]:
    return [talk for talk in some if talk in talks]


def _done(talks: Sequence[Conversation]) -> str:
    return succeeded(talks) if talks else "–"


def _missed(missed: Sequence[Conversation]) -> str:
    if not missed:
        return ""
    acted = sum(any(True for _ in talk.data("customer.acted")) for talk in missed)
    return f"""\
Of the {len(missed)} runs in a row that were not taken for loops, {acted} are in conversations in which the customer
acted too (a phone rebooted, a setting changed); {succeeded(missed)} had done their task.
"""


def _mapped(talks: Sequence[Conversation], log: list[Record], domain: str, mapped: bool) -> tuple[object, ...]:
    looped, halted = set[str](), set[str]()
    for event in domains.folded(log, domain, mapped=mapped).events():
        if event["type"] == "handrail.decision.v1":
            if {reason["code"] for reason in event["data"]["reasons"]} & set(CALLS):
                looped.add(event["subject"])
            if event["data"]["verdict"] == "halt":
                halted.add(event["subject"])
    done = {talk.name for talk in talks if talk.succeeded}
    return domain, "with" if mapped else "without", *_counts(looped, done), *_counts(halted, done)


def _counts(names: Collection[str], done: set[str]) -> tuple[int, str]:
    return len(names), share(len(done & set(names)), len(names)) if names else "–"
