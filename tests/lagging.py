"""`handrail` with standbys that stand still while a file is there: `python -m tests.lagging ARGUMENTS…`.

LAGGING in the environment names the file; beside it lies one for each partition whose standby has stopped.
"""

import asyncio
import os
from pathlib import Path

from handrail.cli import main
from handrail.streams.engine.standby import Standby

LAGGING = "LAGGING"


def stopped(file: Path, partition: int) -> Path:
    """Is there when the partition's standby reads no more."""
    return file.with_suffix(f".{partition}")


def lag(file: Path) -> None:
    """Standbys follow until it comes."""
    follow = Standby._follow

    async def lagging(self: Standby) -> None:
        following = asyncio.create_task(follow(self))
        try:
            while not os.path.exists(file):  # noqa: ASYNC110, ASYNC240, PTH110
                await asyncio.sleep(0.05)  # no file tells when it comes
        finally:
            following.cancel()
            await asyncio.wait([following])
        stopped(file, self.loading.fold.number).touch()
        await asyncio.Event().wait()

    Standby._follow = lagging  # type: ignore[method-assign]


if __name__ == "__main__":
    lag(Path(os.environ[LAGGING]))
    main(prog_name="handrail")
