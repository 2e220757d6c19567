"""Control records of `agent.events.v1`: built, then signed, numbered and written by an issuer."""

import time
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

import orjson

from handrail.schemas.canonical import digest
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.envelope import CLOUDEVENT
from handrail.schemas.errors import EngineError
from handrail.schemas.keys import USES, PublicKey, SigningKey
from handrail.schemas.record import Supervision
from handrail.schemas.signature import sign_record
from handrail.schemas.topics import AGENT_EVENTS
from handrail.streams.engine.producer import Producer, Row, Written
from handrail.streams.governor.partition import PartitionFold

SOURCE = "/handrail/worker"
NEEDED_USES = ("decisions", "controls")

Event = dict[str, Any]


class Issuer:
    """One process that writes control records. `key` None: they are not signed, which counts where nothing is.

    Each issuer has a name of its own, so that its sequence numbers run on whatever others write. The numbers come from
    the clock, so that a number of an issuer that was forgotten never counts a second time.
    """

    def __init__(self, producer: Producer, key: SigningKey | None, kind: str) -> None:
        self.producer, self.key = producer, key
        self.name = f"/handrail/{kind}/{uuid4().hex[:12]}"
        self._seq = 0

    async def write(self, partition: int, event: Mapping[str, Any], floor: int = 0) -> Written:
        """One control record, alone in its batch: a produce that is tried twice writes it twice in a row, which counts
        once. Its number is above `floor`.
        """
        (written,) = await self.producer.write(AGENT_EVENTS, partition, [self._row(partition, event, floor)])
        return written

    async def copy(self, partition: int, events: Sequence[Mapping[str, Any]]) -> None:
        """Copies of resolutions, which repeat by their own identity."""
        await self.producer.write(AGENT_EVENTS, partition, [self._row(partition, event, 0) for event in events])

    def check(self, fold: PartitionFold) -> None:
        """Whether what this process writes counts in the partition. Raises EngineError where it would not."""
        if not (keys := fold.keys):
            return
        mine = keys.get(self.key.id) if self.key is not None else None
        if mine is None or not set(NEEDED_USES) <= set(mine.uses):
            have = f"key {self.key.id} is not one of them" if self.key is not None else "this worker has no key"
            may = ", ".join(sorted(name for name, key in keys.items() if set(NEEDED_USES) <= set(key.uses)))
            raise EngineError(
                f"{AGENT_EVENTS}[{fold.number}]: decisions are signed by key {may}, and {have}: start the worker with "
                "--key FILE of that key, or first activate a keys.yaml that names both"
            )

    def _row(self, partition: int, event: Mapping[str, Any], floor: int) -> Row:
        self._seq = max(self._seq + 1, floor + 1, time.time_ns() // 1000)
        data = {**event["data"], "issuer": self.name, "partition": partition, "seq": self._seq}
        signed = sign_record(self.key, {**event, "data": data})
        return Row(event["subject"].encode(), orjson.dumps(signed), CLOUDEVENT)


def activation(ruleset: str, at_ms: int, key: PublicKey | None = None) -> Event:
    """From this record on, the bundle decides in its partition; `key` is the first whose signatures count there."""
    keys = {} if key is None else {"keys": [{"public": key.line, "uses": list(USES)}]}
    return _event("policies.activated", at_ms, {"ruleset": ruleset, **keys})


def tick(at_ms: int) -> Event:
    """Time passes."""
    return _event("tick", at_ms, {})


def snapshot(data: dict[str, Any], at_ms: int) -> Event:
    """The partition's own state, where a fold can begin."""
    return _event("snapshot", at_ms, data)


def memory(data: dict[str, Any], at_ms: int) -> Event:
    """The partition remembers as many conversations as it may."""
    return _event("memory", at_ms, data)


def operator_control(kind: str, data: dict[str, Any], at_ms: int) -> Event:
    """An operator's control of this kind, such as `agent.mode`."""
    return _event(kind, at_ms, data)


def forget(conversation: str, data: dict[str, Any], at_ms: int) -> Event:
    """The texts of this conversation are forgotten."""
    return _event("forget", at_ms, data, subject=conversation)


def supervised(supervision: Supervision, partition: int, at_ms: int) -> Event:
    """An agent acted without a decision in that partition; the same id for the same act, so that a repeat shows."""
    origin = {"partition": partition, "offset": supervision.offset}
    at = to_rfc3339(supervision.seen_ms)
    data = {"agent_id": supervision.agent_id, "reason": "bypass", "origin": origin, "at": at}
    return _event("agent.supervised", at_ms, data, digest(["agent.supervised", partition, supervision.offset]))


def resolution(raw: dict[str, Any], at_ms: int) -> Event:
    """The copy of a resolution; the same id for the same record, so that copying twice is a repeat."""
    name = digest([raw["source"], raw["id"], raw["subject"], raw["type"]])
    data = {"type": raw["type"], "source": raw["source"], "id": raw["id"], "resolution": raw["data"]}
    traced = {"traceparent": raw["traceparent"]} if raw.get("traceparent") else {}
    return _event("resolution", at_ms, data, name, raw["subject"], **traced)


def _event(
    kind: str, at_ms: int, data: dict[str, Any], name: str = "", subject: str = CONTROL_KEY, **extensions: str
) -> Event:
    return {
        "specversion": "1.0",
        "id": name or uuid4().hex,
        "source": SOURCE,
        "type": f"handrail.control.{kind}.v1",
        "subject": subject,
        "time": to_rfc3339(at_ms),
        "datacontenttype": "application/json",
        **extensions,
        "data": data,
    }
