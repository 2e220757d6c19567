"""One person's claim or answer, from the handoff as it stands to what came of it."""

import asyncio
from contextlib import aclosing
from typing import Any

from handrail.desk import outcome, records, wire, words
from handrail.desk.handoff_view import HandoffView, Outcome
from handrail.desk.may_answer import Obstacle, Refused, may_answer, may_claim
from handrail.desk.settings import DeskSettings


async def claim(settings: DeskSettings, name: str, *, take_over: bool) -> str:
    """The handoff is this person's; returns the line that says so.

    Raises Refused where it is somebody else's, or closed.
    """
    handoff = (await wire.read(settings.bootstrap, name)).find(name)
    by, holder = settings.person, handoff.claimed_by
    obstacle = may_claim(handoff, by.id, take_over=take_over)
    if obstacle is Obstacle.CLAIMED_BY_SAME:
        return f"{handoff.id}: is yours already"
    if obstacle is not None:
        raise Refused(_line(obstacle, handoff, by.id))
    event = records.signed(records.claim(handoff, by), settings.key)
    await wire.send(settings.bootstrap, event, await wire.mark(settings.bootstrap))
    return f"{handoff.id}: claimed by {by.id}" + (f", taken over from {holder}" if holder else "")


async def answer(settings: DeskSettings, name: str, result: str, *, wait_s: float, **fields: Any) -> Outcome:
    """The answer is on the log, and this is what came of it within `wait_s` seconds.

    `result` is `approved`, `denied`, `resolved` or `returned`; `fields` are optional fields of a resolution.
    Raises Refused.
    """
    handoff = (await wire.read(settings.bootstrap, name)).find(name)
    by = settings.person
    if (obstacle := may_answer(handoff, by.id, result, fields.get("revision") or 1)) is not None:
        raise Refused(_line(obstacle, handoff, by.id, result))
    marks = await wire.mark(settings.bootstrap)
    event = records.signed(records.resolution(handoff, result, by, **fields), settings.key)
    ahead = await wire.send(settings.bootstrap, event, marks)
    if (late := outcome.beaten(handoff, ahead)) is not None:
        return late
    try:
        async with asyncio.timeout(wait_s):
            return await _outcome(settings.bootstrap, handoff, result, by.id, marks)
    except TimeoutError:
        return Outcome(f"sent, but nothing came of it within {wait_s:g} s: is a worker up?", counts=False)


async def _outcome(bootstrap: str, handoff: HandoffView, result: str, by: str, marks: wire.Marks) -> Outcome:
    async with wire.following(bootstrap, handoff.conversation_id, marks) as events, aclosing(events):  # type: ignore[type-var]
        async for event in events:
            if (came := outcome.of(handoff, result, by, event)) is not None:
                return came
    raise AssertionError("the log does not end")


def _line(obstacle: Obstacle, handoff: HandoffView, by: str, result: str = "") -> str:
    """What the terminal says of it: which handoff, what stands against it, what to do."""
    return f"{handoff.id}: {_reason(obstacle, handoff, by, result)}"


def _reason(obstacle: Obstacle, handoff: HandoffView, by: str, result: str) -> str:
    match obstacle:
        case Obstacle.CLOSED:
            return f"is closed ({(handoff.closed or {})['cause']}): see `handrail handoffs list`"
        case Obstacle.CLAIMED_BY_SAME:
            return "is yours already"
        case Obstacle.CLAIMED_BY_OTHER:
            return f"{handoff.claimed_by} has claimed it: ask them, or use --take-over"
        case Obstacle.NO_ACTION_WAITS:
            return f"no action waits in it ({handoff.kind}): use `resolve` or `return`"
        case Obstacle.ACTION_WAITS:
            return "an action waits in it: use `approve` or `deny`"
        case Obstacle.SEVERAL_ACTIONS:
            return f"its revisions name {len(handoff.actions)} different actions: look at it with `show`"
        case Obstacle.OTHER_ACTION:
            return "another action waits now than the one that you saw: look at it with `show`"
        case Obstacle.SECOND_PERSON_NEEDED:
            return f"{by} has answered {result} already: a second person is needed"
        case Obstacle.ANSWERED_ALREADY:
            return f"{by} has answered {result} already"
        case Obstacle.OUTDATED:
            return (
                f"since it was asked, {words.latest(handoff.news)}: look at it with `handrail handoffs show "
                f"{handoff.id}`, then approve what you saw with --revision {handoff.record['revision']}"
            )
