"""An agent that refunds once, and can be killed on the way: `python -m tests.failures.shop BOOTSTRAP FOLDER [POINT]`.

FOLDER has `signing.key.pub`; the claims go to `claims.db` there, and each refund that ran is a line of `ran`. POINT is
where the process kills itself: `decided`, `claimed` or `ran`; without it, it goes on to the end.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from handrail.client import Agent, Gate, GovernanceError

ACTION, TOOL, ARGUMENTS = "refund-1", "refund", {"amount": 20}
CONVERSATION, EXECUTION = "conv-1", "conv-1/1"


def gate_of(folder: Path) -> Gate:
    """The gate in front of the refunds."""
    return Gate(folder / "signing.key.pub", folder / "claims.db")


def runs(folder: Path) -> int:
    """How many refunds ran."""
    return len((folder / "ran").read_text().splitlines()) if (folder / "ran").exists() else 0


def run(folder: Path) -> None:
    """The refund itself."""
    with (folder / "ran").open("a") as file:
        file.write(f"{ARGUMENTS}\n")
        file.flush()
        os.fsync(file.fileno())


async def refund(bootstrap: str, folder: Path, point: str = "", timeout_s: float = 10.0) -> None:
    """Propose, pass the gate, run, tell. The same action whenever it is called. Raises GovernanceError."""

    def die_at(here: str) -> None:
        if here == point:
            os.kill(os.getpid(), signal.SIGKILL)

    options = {"bootstrap": bootstrap, "timeout_s": timeout_s, "execution": EXECUTION}
    async with Agent("refunds", conversation=CONVERSATION, **options) as agent:  # type: ignore[arg-type]
        permit = await agent.propose(TOOL, ARGUMENTS, action_id=ACTION)
        die_at("decided")
        async with gate_of(folder).admit(permit, TOOL):
            die_at("claimed")
            run(folder)
            die_at("ran")
        await agent.executed(permit, "done")


if __name__ == "__main__":
    try:
        asyncio.run(refund(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:4]))
    except GovernanceError as error:
        sys.exit(f"{type(error).__name__}: {error}")
