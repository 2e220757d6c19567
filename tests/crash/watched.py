"""A worker that says whether it waits for the broker."""

import re
import urllib.request
from pathlib import Path

from handrail.broker.ports import HOST, free_port
from tests.workers import Worker

STUCK = re.compile(r"^handrail_worker_stuck_seconds\{[^}]*\} (\S+)$", re.MULTILINE)
STUCK_S_MIN = 0.05


class Watched(Worker):
    """`handrail worker` with its metrics on a port of its own, and a session that outlasts a busy machine's pauses."""

    session_s = "6"

    def __init__(self, bootstrap: str, errors: Path, *options: str) -> None:
        self.url = f"{HOST}:{free_port()}"
        super().__init__(bootstrap, errors, "--http", self.url, *options)

    def waits(self) -> bool:
        """Whether it has something to deliver, and no broker takes it."""
        try:
            with urllib.request.urlopen(f"http://{self.url}/metrics", timeout=2) as page:
                told = page.read().decode()
        except OSError:
            return False
        return any(float(stuck_s) > STUCK_S_MIN for stuck_s in STUCK.findall(told))
