"""Where a fold begins when retention has removed the beginning of the log, and which conversations are older. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import ValidationError

from handrail.audit.decision_records import Key
from handrail.schemas.decode import decode
from handrail.schemas.errors import ConfigError, SchemaError
from handrail.schemas.event_types import SNAPSHOT
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.governor.snapshot import restored


def parse_snapshot(value: bytes | None, offset: int, first: int) -> Mapping[str, Any] | None:
    """The data of a snapshot at `offset`; None where it is no snapshot, or a record after its position is gone.

    `first` is the first offset that the partition still has. A snapshot of a later position than its own is forged: a
    fold that began there would skip the records between.
    """
    try:
        event = decode(value)
        if event.raw["type"] != SNAPSHOT:
            return None
        data: dict[str, Any] = event.raw["data"]
        restored(data)
    except (SchemaError, ValidationError):
        return None
    return data if first - 1 <= data["position"] < offset else None


def no_snapshot_error(partition: int, first: int, where: str = "") -> ConfigError:
    """The error for a partition that starts in the middle and has no snapshot. `where`: a file and a colon."""
    return ConfigError(
        f"{where}{AGENT_EVENTS}[{partition}] starts in the middle, at offset {first}: retention has removed what was "
        "before, and there is no snapshot (one a day) to begin at: keep exports (`handrail export --all`), and "
        "verify those with --events and --decisions"
    )


def since_of(event: dict[str, Any]) -> int | None:
    """The offset at which the conversation of a decision with a key began; None where it says nothing that can be."""
    chain = event["data"].get("chain")
    since = chain.get("since") if isinstance(chain, dict) else None
    if not isinstance(since, int) or isinstance(since, bool):
        return None
    return since if 0 <= since <= event["data"]["position"]["offset"] else None


class Generations:
    """Which conversations of a partition began at or before the offset `start`, where its fold begins.

    Such a conversation cannot be folded, as each of its decisions says. A single decision may be forged, to exclude the
    conversation. But a conversation never returns to an earlier generation: once a decision says that it began after
    `start`, no decision on a later record belongs to an older one. So an attacker who wants to hide a conversation has
    to remove every decision that the worker made in it.
    """

    def __init__(self, start: int = -1) -> None:
        self.start = start
        self._older: dict[str, int] = {}  # offset at which the conversation began
        self._anew: dict[str, int] = {}  # offset at which its first generation after `start` began

    def note(self, key: Key, since: int | None) -> bool:
        """Note what a decision says; True where it is the first to say that its conversation is older."""
        offset, name = key[:2]
        if since is None or offset <= self.start:
            return False
        if since > self.start:
            self._anew[name] = min(since, self._anew.get(name, since))
            return False
        if name in self._older:
            return False
        self._older[name] = since
        return True

    def older(self, key: Key) -> int | None:
        """Where the conversation began, if the decision at this place belongs to a generation from before `start`."""
        offset, name = key[:2]
        since = self._older.get(name)
        return None if since is None or offset >= self._anew.get(name, offset + 1) else since
