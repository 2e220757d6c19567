"""A Handrail inside the test whose decisions are signed, and gates whose clock is that of its log."""

import time
from pathlib import Path
from typing import Any

import orjson

from handrail.client import Gate
from handrail.client.pending_decisions import Arrival
from handrail.schemas.clock import to_ms
from handrail.schemas.decode import decode_output
from handrail.schemas.signature import sign_batch
from tests.claims import claims_of
from tests.keys import key
from tests.unit.client.inprocess import Governor


class SignedGovernor(Governor):
    """`late` of the next decisions come to the agent after their end, as from a worker that lags."""

    late = 0

    def gate(self, folder: Path) -> Gate:
        """A new gate on the folder's claims, as after a restart."""
        return Gate([key().public.line], claims_of(folder), clock=lambda: self.log.now_ms / 1000)

    def _settle(self) -> None:
        outputs = self._fold.fold(self.log.records[-1:]).outputs
        decisions = [output.value for output in outputs if b'"handrail.decision.v1"' in output.value]
        self.handoffs += [
            orjson.loads(output.value)["data"] for output in outputs if b'"handrail.handoff.v1"' in output.value
        ]
        for value in sign_batch(key(), decisions):
            raw, event = decode_output(value)
            made_ms = to_ms(event.time)
            if self.late and event.data.expires_at is not None:
                self.late -= 1
                made_ms = to_ms(event.data.expires_at)
            self._pending.deliver(Arrival(event.data, made_ms, time.monotonic(), raw))


def proposed(governor: Governor) -> list[Any]:
    """The action ids that were proposed, in order."""
    return [data["action_id"] for data in governor.published("action.proposed")]
