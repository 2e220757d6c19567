"""The partition's own state as a record on the log, once a day, so that a fold can begin where retention has cut it.

It holds what no conversation holds: the active bundle, the clock, modes, breakers and the like. Conversations that
began before it cannot be folded from there; each decision says where its conversation began (`chain.since`).
"""

from typing import Any

import msgspec

from handrail.streams.governor.state import DAY_MS, PartitionState

PRESENT_MS = 60_000  # a log that is being imported or caught up with is older; a record of now would move its clock


def due(state: PartitionState, now_ms: int) -> bool:
    """Whether a day has passed since the last one, and the partition is at the present; never before an activation."""
    passed_ms = state.clock_ms - state.snapshot_ms
    return bool(state.snapshot_ms) and passed_ms >= DAY_MS and now_ms - state.clock_ms < PRESENT_MS


def snapshot_data(state: PartitionState) -> dict[str, Any]:
    """The data of the record: `position`, and `state` by the names of its fields."""
    named = {name: msgspec.to_builtins(getattr(state, name)) for name in PartitionState.__struct_fields__}
    return {"position": named.pop("position"), "state": named}


def restored(data: dict[str, Any]) -> PartitionState:
    """The state that the record holds; fields that came later have their defaults. Raises msgspec.ValidationError."""
    known = {name: data["state"][name] for name in PartitionState.__struct_fields__ if name in data["state"]}
    plain = PartitionState()
    values = [known.get(name, getattr(plain, name)) for name in PartitionState.__struct_fields__]
    restored_state = msgspec.convert(values, PartitionState)
    restored_state.position = data["position"]
    return restored_state
