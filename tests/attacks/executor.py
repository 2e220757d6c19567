"""Executors behind a gate, as on docs/gate.md: `python -m tests.attacks.executor FOLDER`, a request a line."""

import json
import sys
from pathlib import Path

from handrail.client import AlreadyClaimed, Gate, GateRefused

FOLDER = Path(sys.argv[1])
gate = Gate(FOLDER / "signing.key.pub", FOLDER / "claims.db")


@gate.tool(name="refund")
def refund(amount: float) -> str:
    """The payment itself."""
    with (FOLDER / "ran").open("a") as file:
        file.write(f"{amount}\n")
    return f"refunded {amount}"


for line in sys.stdin:
    request = json.loads(line)
    try:
        print(refund(request["decision"], request["arguments"]), flush=True)
    except AlreadyClaimed as error:
        print("not again:", error, flush=True)
    except GateRefused as error:
        print("refused:", error, flush=True)
