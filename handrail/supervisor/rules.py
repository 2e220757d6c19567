"""While `up` runs, each rule that does nothing is reported once."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from handrail.schemas.errors import ConfigError
from handrail.streams.sink.reading import open_readonly
from handrail.streams.sink.skipped import Skipped, always_skipped

EVERY_S = 30.0


class IdleRules:
    """Reads the snapshot every EVERY_S; `notify` gets one line for a rule whose field no event has had."""

    def __init__(self, data: Path, notify: Callable[[str], None]) -> None:
        self._data, self._notify = data, notify
        self._reported: set[tuple[str, str]] = set()
        self._looked_s = time.monotonic()
        self._looking: asyncio.Task[list[Skipped]] | None = None

    def look(self) -> None:
        """Starts a check where it is time, and reports the result of the last one; never waits for it."""
        if self._looking is None:
            if time.monotonic() - self._looked_s > EVERY_S:
                self._looking = asyncio.create_task(asyncio.to_thread(_find_idle, self._data))
        elif self._looking.done():
            rules, self._looking, self._looked_s = self._looking.result(), None, time.monotonic()
            self._report(rules)

    def _report(self, rules: list[Skipped]) -> None:
        for rule in rules:
            if (name := (rule.policy_id, rule.rule_id)) not in self._reported:
                self._reported.add(name)
                self._notify(f"handrail up: rule {rule}: it does nothing: see `handrail doctor`")


def _find_idle(data: Path) -> list[Skipped]:
    try:
        with open_readonly(data, snapshot_only=True).connection as connection:
            return always_skipped(connection)
    except (ConfigError, duckdb.Error):
        return []  # not stored yet
