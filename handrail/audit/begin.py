"""The daily snapshot at which a fold begins where the log's beginning is gone. Pure."""

from collections.abc import Mapping
from typing import Any

from msgspec import ValidationError

from handrail.schemas.decode import decode
from handrail.schemas.errors import ConfigError, SchemaError
from handrail.schemas.event_types import SNAPSHOT
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.governor.snapshot import restored


def begin_of(value: bytes | None, offset: int, first: int) -> Mapping[str, Any] | None:
    """The data of a snapshot that lies at `offset`; None where it is none, or a record behind its position is gone.

    `first` is the first offset that the partition still has. A snapshot of what comes after itself is nobody's: whoever
    began there would pass over what it hides.
    """
    try:
        found = decode(value)
        if found.raw["type"] != SNAPSHOT:
            return None
        data: dict[str, Any] = found.raw["data"]
        restored(data)
    except (SchemaError, ValidationError):
        return None
    return data if first - 1 <= data["position"] < offset else None


def cut_off(partition: int, first: int, where: str = "") -> ConfigError:
    """What to say of a partition that starts in the middle and has no snapshot. `where`: a file and a colon."""
    return ConfigError(
        f"{where}{AGENT_EVENTS}[{partition}] starts in the middle, at offset {first}: retention has removed what was "
        "before, and there is no snapshot (one a day) to begin at: keep exports (`handrail export --all`), and "
        "verify those with --events and --decisions"
    )
