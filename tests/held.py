"""`handrail` with a worker whose decisions no broker takes while a file is there: `python -m tests.held ARGUMENTS…`.

HELD in the environment names the file.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

from handrail.cli import main
from handrail.schemas.topics import DECISIONS
from handrail.streams.engine.producer import Producer

HELD = "HELD"


def hold(file: Path) -> None:
    """Decisions wait for it to go."""
    send = Producer._send

    async def held(self: Producer, topic: str, partition: int, batch: Any) -> Any:
        while topic == DECISIONS and os.path.exists(file):  # noqa: ASYNC110, ASYNC240, PTH110
            await asyncio.sleep(0.05)  # no file tells when it goes
        return await send(self, topic, partition, batch)

    Producer._send = held  # type: ignore[method-assign]


if __name__ == "__main__":
    hold(Path(os.environ[HELD]))
    main(prog_name="handrail")
