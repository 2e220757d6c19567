"""Customers that were forgotten are not shown: the sink's file says whom, as digests."""

from pathlib import Path
from typing import Any

from handrail.schemas.clock import to_ms
from handrail.streams.sink.forgotten import FORGOTTEN_FILE, Forgotten


class Forgetting:
    """Whom the file in the sink's data folder names; `renewed` says when it is another one."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._stamp, self._found = folder, (0, 0), Forgotten()

    def renewed(self) -> bool:
        """Read the file where it has changed since the last time; whether it has."""
        try:
            told = (self._folder / FORGOTTEN_FILE).stat()
        except OSError:
            return False
        if (stamp := (told.st_mtime_ns, told.st_ino)) == self._stamp:
            return False
        self._stamp, self._found = stamp, Forgotten.read(self._folder)
        return True

    def has(self, cluster: str, record: dict[str, Any]) -> bool:
        """Whether this handoff is of somebody who was forgotten."""
        if not self._found:
            return False
        if self._found.has(cluster, record["conversation_id"]):
            return True
        ref = record["customer"].get("ref")
        return ref is not None and self._found.names(str(ref), record["tenant"], to_ms(record["opened_at"]))
