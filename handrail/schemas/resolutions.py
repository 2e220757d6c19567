"""What humans answer, on `human.resolutions.v1`."""

from typing import Annotated, Literal

from pydantic import Field

from handrail.schemas import event_types
from handrail.schemas.fields import By, Digest, Json, Money, Name, Shape, Time


class Resolution(Shape):
    """One person's answer to one handoff. The last four fields judge the handoff itself.

    `revision` is the one that the person saw, 1 where it is left out: an approval of a revision below the handoff's
    `revision_min` does not release.
    """

    handoff_id: Name
    conversation_id: Name
    outcome: Literal["approved", "denied", "resolved", "returned"]
    action_digest: Digest | None = None
    revision: Annotated[int, Field(ge=1)] | None = None
    by: By
    at: Time
    note: str | None = None
    labels: Json = None
    handling_s: float | None = None
    cost_usd: Money | None = None
    handoff_needed: bool | None = None
    context_ok: bool | None = None
    context_missing: list[str] | None = None
    customer_repeated: bool | None = None


class Claimed(Shape):
    """Somebody works on the handoff now."""

    handoff_id: Name
    by: By
    at: Time
    conversation_id: Name | None = None


RESOLUTIONS: dict[str, type[Shape]] = {
    event_types.RESOLUTION: Resolution,
    event_types.HANDOFF_CLAIMED: Claimed,
}
