"""The fold of one handoff: the view after a record from the view before it. Pure.

Each function raises one of UNUSABLE where a part of the record that the contract leaves free has another shape.
"""

from dataclasses import replace
from typing import Any

from handrail.desk import outcome
from handrail.desk.handoff_summary import SEARCHED_MAX, Keep, search_text
from handrail.desk.handoff_view import CLAIMED, Answer, HandoffView, Outcome, Place
from handrail.schemas.errors import SchemaError
from handrail.schemas.handoff_revision import applied

ANSWERS_MAX = 20  # of one handoff; later ones change nothing
REPORTS_MAX = 8  # of the governor's events about one handoff, the latest
EMPTY: dict[str, Any] = {"attempts": [], "transcript": [], "said_to_customer": []}  # where they are not kept

UNUSABLE = (SchemaError, KeyError, TypeError, ValueError, AttributeError, RuntimeError, StopIteration)
"""What is raised where a pending action, evidence or another free part has an unexpected shape."""


def opened(data: dict[str, Any], place: Place, keep: Keep) -> HandoffView:
    """The handoff of a revision in full that lies at `place`."""
    view = _checked(HandoffView(keep(data), _digests((), data), place=place, latest=place))
    return replace(view, search_text=search_text(data, view.line))


def revised(view: HandoffView, data: dict[str, Any], place: Place, keep: Keep) -> HandoffView:
    """After a revision in full; one older than the newest only adds its action."""
    fresh, actions = opened(data, place, keep), _digests(view.actions, data)
    if data["revision"] < view.record["revision"]:
        return replace(view, actions=actions)
    return replace(view, record=fresh.record, actions=actions, place=place, latest=place, search_text=fresh.search_text)


def updated(view: HandoffView, data: dict[str, Any], place: Place, keep: Keep) -> HandoffView:
    """After a revision that holds only what is new; one that was applied already changes nothing."""
    if data["revision"] <= view.record["revision"]:
        return view
    record = keep(applied({**EMPTY, **view.record}, data))
    text = "\n".join((view.search_text, *(row["text"].casefold() for row in data["transcript"])))
    return _checked(replace(view, record=record, latest=place, search_text=text[-SEARCHED_MAX:]))


def answered(view: HandoffView, event: dict[str, Any]) -> HandoffView:
    """After a person's claim or resolution; an event that comes twice counts once."""
    if event["type"] == CLAIMED:
        return replace(view, claim=event["data"])
    known = any(answer.event_id == event["id"] for answer in view.answers)
    if known or len(view.answers) >= ANSWERS_MAX:
        return view
    answer = Answer(event["id"], event["data"])
    outcomes = view.outcomes
    if view.pending is None and view.answers:  # without an action that waits, the first answer closes it
        outcomes = {**outcomes, answer.event_id: outcome.late(view.answers[0].data)}
    return _settled(replace(view, answers=(*view.answers, answer), outcomes=outcomes))


def reported(view: HandoffView, event: dict[str, Any]) -> HandoffView:
    """After an event of the governor that is about it."""
    outcome.of(view, "approved", "", event)  # raises where nothing can be read from it
    return _settled(replace(view, reports=(*view.reports[1 - REPORTS_MAX :], event)))


def closed(view: HandoffView, event: dict[str, Any]) -> HandoffView:
    """After the event that ends it."""
    return reported(replace(view, closed=event["data"], closed_at=event["time"]), event)


def _checked(view: HandoffView) -> HandoffView:
    """Raises where something that lists ask of every handoff has no value."""
    _ = (view.urgency, view.line, view.approvals_needed, sorted(view.approved_by), view.halted)
    return view


def _digests(actions: tuple[str, ...], data: dict[str, Any]) -> tuple[str, ...]:
    digest = (data.get("pending") or {}).get("action_digest")
    return tuple(dict.fromkeys((*actions, digest))) if digest else actions


def _settled(view: HandoffView) -> HandoffView:
    """With the outcome of each answer that the reports say something about."""
    outcomes: dict[str, Outcome] = {}
    for answer in view.answers:
        if answer.event_id not in view.outcomes:
            result, by = answer.data["outcome"], answer.data["by"]["id"]
            known = (outcome.of(view, result, by, event) for event in view.reports)
            if (first := next(filter(None, known), None)) is not None:
                outcomes[answer.event_id] = first
    return replace(view, outcomes={**view.outcomes, **outcomes}) if outcomes else view
