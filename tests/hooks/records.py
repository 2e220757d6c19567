"""Records for hooks, as a governor makes them."""

from typing import Any

import orjson

from handrail.schemas.partitioner import partition_of
from handrail.schemas.record import Output
from handrail.schemas.topics import PARTITIONS
from tests.bundles import refunds
from tests.log import Log
from tests.topics import Wire


def refund(conversation: str, amounts: list[int]) -> list[Output]:
    """What a governor writes of refunds of these amounts in one conversation; above $500 is a handoff each."""
    log = Log(conversation)
    log.query("My parcel is broken", customer={"ref": "cust-1"})
    for amount in amounts:
        log.proposes("refund", amount=amount)
    return [output for one in log.fold(refunds()).folded for output in one.outputs]


async def write(wire: Wire, outputs: list[Output]) -> list[dict[str, Any]]:
    """They are on the log; as events."""
    for output in outputs:
        await wire.raw(output.key, output.value, output.topic, partition_of(output.key, PARTITIONS))
    return [orjson.loads(output.value) for output in outputs]
