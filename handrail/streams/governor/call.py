"""A call: one action in the form in which it is compared, counted and bound to a decision."""

from typing import Any

import msgspec

UNKNOWN = "unknown"  # the status of what was begun, where nobody knows whether it took effect


class ActionCall(msgspec.Struct, frozen=True):
    """`key` (8 bytes) is the same for the same call; `digest` binds to this one action."""

    action_id: str
    tool: str
    named: str
    arguments: dict[str, Any]
    key: bytes
    digest: str
    effect: str

    @property
    def acts(self) -> bool:
        """Whether it counts as a write for supervision and ownership: all that is not known to read."""
        return self.effect != "read"
