"""One person's claim or answer, from the handoff as it stands to what came of it."""

import asyncio
from contextlib import aclosing
from typing import Any

from handrail.desk import outcome, records, wire, words
from handrail.desk.board import HandoffCase
from handrail.desk.outcome import Outcome
from handrail.desk.settings import DeskSettings
from handrail.schemas.errors import HandrailError
from handrail.schemas.identity import same

APPROVALS = ("approved", "denied")


class Refused(HandrailError):
    """The handoff is not one that can be answered so; nothing was put on the log."""


async def claim(settings: DeskSettings, prefix: str, *, take_over: bool) -> str:
    """The handoff is this person's, told in a line. Raises Refused where it is somebody else's, or closed."""
    case = (await wire.read(settings.bootstrap, prefix)).case(prefix)
    _check_open(case)
    by, holder = settings.person, case.claimed_by
    if same(holder, by.id):
        return f"{case.id}: is yours already"
    if holder is not None and not take_over:
        raise Refused(f"{case.id}: {holder} has claimed it: ask them, or use --take-over")
    event = records.signed(records.claim(case, by), settings.key)
    await wire.send(settings.bootstrap, event, await wire.mark(settings.bootstrap))
    return f"{case.id}: claimed by {by.id}" + (f", taken over from {holder}" if holder else "")


async def answer(settings: DeskSettings, prefix: str, said: str, *, wait_s: float, **told: Any) -> Outcome:
    """The answer is on the log, and this is what came of it within `wait_s` seconds.

    `said` is `approved`, `denied`, `resolved` or `returned`; `told` are optional fields of a resolution.
    Raises Refused.
    """
    case = (await wire.read(settings.bootstrap, prefix)).case(prefix)
    by = settings.person
    _check_open(case)
    _check_kind(case, said)
    _check_once(case, by.id, said)
    _check_revision(case, said, told.get("revision"))
    marks = await wire.mark(settings.bootstrap)
    event = records.signed(records.resolution(case, said, by, **told), settings.key)
    ahead = await wire.send(settings.bootstrap, event, marks)
    if (late := outcome.beaten(case, ahead)) is not None:
        return late
    try:
        async with asyncio.timeout(wait_s):
            return await _came_of(settings.bootstrap, case, said, by.id, marks)
    except TimeoutError:
        return Outcome(f"sent, but nothing came of it within {wait_s:g} s: is a worker up?", counts=False)


async def _came_of(bootstrap: str, case: HandoffCase, said: str, by: str, marks: wire.Marks) -> Outcome:
    async with wire.following(bootstrap, case.conversation_id, marks) as events, aclosing(events):  # type: ignore[type-var]
        async for event in events:
            if (found := outcome.of(case, said, by, event)) is not None:
                return found
    raise AssertionError("the log does not end")


def _check_open(case: HandoffCase) -> None:
    if case.closed is not None:
        raise Refused(f"{case.id}: is closed ({case.closed['cause']}): see `handrail handoffs list`")


def _check_kind(case: HandoffCase, said: str) -> None:
    if said in APPROVALS and case.pending is None:
        raise Refused(f"{case.id}: no action waits in it ({case.kind}): use `resolve` or `return`")
    if said not in APPROVALS and case.pending is not None:
        raise Refused(f"{case.id}: an action waits in it: use `approve` or `deny`")
    if len(case.actions) > 1:
        raise Refused(f"{case.id}: its revisions name {len(case.actions)} different actions: look at it with `show`")


def _check_revision(case: HandoffCase, said: str, revision: int | None) -> None:
    """What a person has not seen they cannot approve; where nothing happened, the first revision is the case."""
    if said != "approved" or (revision or 1) >= case.revision_min:
        return
    raise Refused(
        f"{case.id}: since it was asked, {words.latest(case.news)}: look at it with `handrail handoffs show "
        f"{case.id}`, then approve what you saw with --revision {case.record['revision']}"
    )


def _check_once(case: HandoffCase, by: str, said: str) -> None:
    if any(same(one["by"]["id"], by) and one["outcome"] == said and case.is_current(one) for one in case.answers):
        more = ": a second person is needed" if case.approvals_needed > 1 and said == "approved" else ""
        raise Refused(f"{case.id}: {by} has answered {said} already{more}")
