"""An agent that pays once, and can be killed before: `python -m tests.attacks.payer BOOTSTRAP FOLDER ID [POINT]`.

FOLDER has `signing.key.pub`; its gate's claims go to `claims.db` there, each payment that ran is a line of `ran`. With
POINT `decided` it kills itself before the claim; with `sends` it has no gate and prints what it asks an executor for.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from handrail.client import Agent, Gate, GovernanceError

TOOL, ARGUMENTS = "refund", {"amount": 20}


async def pay(bootstrap: str, folder: Path, action_id: str, point: str = "") -> None:
    """Propose, pass the gate, run, tell. Raises GovernanceError."""
    gate = None if point == "sends" else Gate(folder / "signing.key.pub", folder / "claims.db")
    async with Agent("refunds", conversation="c1", execution="c1/1", bootstrap=bootstrap, gate=gate) as agent:
        permit = await agent.propose(TOOL, ARGUMENTS, action_id=action_id)
        print(json.dumps({"decision": permit.record, "arguments": permit.arguments}), flush=True)
        if point == "decided":
            os.kill(os.getpid(), signal.SIGKILL)
        if point == "sends":
            return
        async with agent.admitted(permit, TOOL):
            with (folder / "ran").open("a") as file:
                file.write(f"{permit.action_id}\n")
        await agent.executed(permit, "done")


if __name__ == "__main__":
    try:
        asyncio.run(pay(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:5]))
    except GovernanceError as error:
        sys.exit(f"{type(error).__name__}: {error}")
