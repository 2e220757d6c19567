"""Control records for a whole partition: what they change in its state."""

from collections.abc import Callable
from typing import Any

from handrail.schemas import event_types
from handrail.schemas.clock import to_ms
from handrail.schemas.identity import identity
from handrail.streams.governor import trust
from handrail.streams.governor.mode import with_bypass, with_mode
from handrail.streams.governor.state import AgentMode, PartitionState

ACTIVE_MS = 3_600_000  # who had a record within the last hour does not make room: new ones are blocked instead
KEPT_MAX = 500  # of each kind; the oldest leaves


def _put(rows: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    merged = {name: row for name, row in rows.items() if name != key} | {key: value}
    while len(merged) > KEPT_MAX:
        del merged[next(iter(merged))]
    return merged


def policies_activated(state: PartitionState, data: dict[str, Any]) -> None:
    """From here on this bundle decides; the first one begins the days after which snapshots are due."""
    state.ruleset = data["ruleset"]
    trust.with_activation_keys(state, data)
    state.snapshot_ms = state.snapshot_ms or state.clock_ms


def agent_mode(state: PartitionState, data: dict[str, Any]) -> None:
    """How much an agent may do by itself."""
    entry = AgentMode(
        data["agent_id"],
        data["mode"],
        data.get("tenant") or "",
        list(data.get("intents") or []),
        1.0 if data.get("share") is None else float(data["share"]),
        data.get("reason") or "",
        state.clock_ms,
    )
    state.modes = with_mode(state.modes, entry)


def agent_supervised(state: PartitionState, data: dict[str, Any]) -> None:
    """Another partition has seen the agent act without a decision."""
    state.modes = with_bypass(state.modes, data["agent_id"], to_ms(data["at"]))


def breaker_changed(state: PartitionState, data: dict[str, Any]) -> None:
    """An agent's breaker opened, closed or is tried."""
    state.breakers = _put(state.breakers, identity(data["agent_id"]), data["state"])


def queue_state(state: PartitionState, data: dict[str, Any]) -> None:
    """How many wait in a queue of the human tier, and how long."""
    state.queues = _put(state.queues, data["queue"], (data["open"], data["wait_s"]))


def model_verified(state: PartitionState, data: dict[str, Any]) -> None:
    """A served model has passed its tests for an agent."""
    model = data["model"]
    state.verified = _put(state.verified, identity(data["agent_id"]), model.get("served") or model.get("name") or "")


def baseline_set(state: PartitionState, data: dict[str, Any]) -> None:
    """The days that an agent's quality is measured against."""
    name = f"{identity(data['agent_id'])}|{data.get('intent') or ''}"
    state.baselines = _put(state.baselines, name, (data["from"], data["to"]))


def snapshot(state: PartitionState, data: dict[str, Any]) -> None:
    """The next one is due a day later; what it says is for those who begin there."""
    state.snapshot_ms = state.clock_ms


def memory(state: PartitionState, data: dict[str, Any]) -> None:
    """Who had no record since then makes room, but for what remains; who had one within the hour stays in any case."""
    before_ms = min(data["before_ms"], state.clock_ms - ACTIVE_MS)
    state.room_ms = max(state.room_ms, before_ms)
    state.idle_floor_ms = max(state.idle_floor_ms, before_ms)
    state.full = data["full"]


def tick(state: PartitionState, data: dict[str, Any]) -> None:
    """Time passes; the clock was moved by the record itself."""


CONTROLS: dict[str, Callable[[PartitionState, dict[str, Any]], None]] = {
    event_types.POLICIES_ACTIVATED: policies_activated,
    event_types.AGENT_MODE: agent_mode,
    event_types.AGENT_SUPERVISED: agent_supervised,
    event_types.BREAKER_CHANGED: breaker_changed,
    event_types.QUEUE_STATE: queue_state,
    event_types.MODEL_VERIFIED: model_verified,
    event_types.BASELINE_SET: baseline_set,
    event_types.SNAPSHOT: snapshot,
    event_types.MEMORY: memory,
    event_types.TICK: tick,
}
"""Those of one conversation (`OF_A_CONVERSATION`) are folded in batch.py."""
