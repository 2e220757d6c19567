"""While `up` runs, each rule that does nothing is told once."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from handrail.schemas.errors import ConfigError
from handrail.streams.sink.reading import open_readonly
from handrail.streams.sink.skipped import Skipped, always_skipped

EVERY_S = 30.0


class Rules:
    """Looks into the snapshot every EVERY_S; `tell` gets one line for a rule whose field no event has had."""

    def __init__(self, data: Path, tell: Callable[[str], None]) -> None:
        self._data, self._tell = data, tell
        self._told: set[tuple[str, str]] = set()
        self._looked_s = time.monotonic()
        self._looking: asyncio.Task[list[Skipped]] | None = None

    def look(self) -> None:
        """Starts a look where it is time, and tells what the last one found; never waits for it."""
        if self._looking is None:
            if time.monotonic() - self._looked_s > EVERY_S:
                self._looking = asyncio.create_task(asyncio.to_thread(_found, self._data))
        elif self._looking.done():
            found, self._looking, self._looked_s = self._looking.result(), None, time.monotonic()
            self._say(found)

    def _say(self, found: list[Skipped]) -> None:
        for one in found:
            if (name := (one.policy_id, one.rule_id)) not in self._told:
                self._told.add(name)
                self._tell(f"handrail up: rule {one}: it does nothing: see `handrail doctor`")


def _found(data: Path) -> list[Skipped]:
    try:
        with open_readonly(data, snapshot_only=True).connection as connection:
            return always_skipped(connection)
    except (ConfigError, duckdb.Error):
        return []  # not stored yet
