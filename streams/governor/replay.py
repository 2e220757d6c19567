"""The fold over a file of CloudEvents: what a worker would have written, without a broker."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import orjson

from handrail.policies import Bundle
from handrail.schemas.clock import to_ms
from handrail.schemas.errors import SchemaError
from handrail.schemas.record import Output, Record
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS
from handrail.streams.governor.controls import ACTIVATED
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.turn import SOURCE


def replay(lines: Iterable[bytes], bundle: Bundle, notice: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Every output record as a CloudEvent, in the order of the file.

    Acts as if `bundle` had been activated first. Records are numbered from offset 0 in partition 0 in the order of
    the lines; exported files carry `logpartition`, `logoffset` and `logtime`, which are used where they stand. Empty
    lines are skipped. `notice` gets one line for each activation of another bundle, which is passed over.
    """
    folds: dict[int, PartitionFold] = {}
    clocks: dict[int, int] = {}
    offset = 0
    for line in lines:
        if not line.strip():
            continue
        raw = _read(line)
        partition, at = _int(raw, "logpartition", 0), _int(raw, "logoffset", offset)
        offset = at + 1
        if raw.get("type") == ACTIVATED and (other := _ruleset(raw)) not in (None, bundle.ruleset):
            notice(f"line with offset {at}: activates {other}, which is not the bundle given; passed over")
            continue
        clocks[partition] = _time(raw, clocks.get(partition, 0))
        record = Record(AGENT_EVENTS, partition, at, clocks[partition], _key(raw), line)
        if partition not in folds:
            folds[partition] = PartitionFold(partition, None, {bundle.ruleset: bundle}, bundle.ruleset)
        for output in folds[partition].fold([record]).outputs:
            yield shown(output)


def _read(line: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return raw if isinstance(raw, dict) else {}


def _int(raw: dict[str, Any], name: str, otherwise: int) -> int:
    found = raw.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else otherwise


def _time(raw: dict[str, Any], before: int) -> int:
    for name in ("logtime", "time"):
        if isinstance(found := raw.get(name), str):
            try:
                return max(to_ms(found), before)
            except (SchemaError, ValueError):
                return before
    return before


def _key(raw: dict[str, Any]) -> bytes | None:
    subject = raw.get("subject")
    return subject.encode(errors="replace") if isinstance(subject, str) else None


def _ruleset(raw: dict[str, Any]) -> str | None:
    data = raw.get("data")
    return data.get("ruleset") if isinstance(data, dict) else None


def shown(output: Output) -> dict[str, Any]:
    """An output record as a CloudEvent; a dead letter is wrapped, for its value may be anything."""
    if output.topic != DEADLETTERS:
        found: dict[str, Any] = orjson.loads(output.value)
        return found
    headers = {name: value.decode(errors="replace") for name, value in output.headers}
    partition, offset = int(headers["handrail-partition"]), int(headers["handrail-offset"])
    return {
        "specversion": "1.0",
        "id": f"dl-{partition}-{offset}",
        "source": SOURCE,
        "type": "handrail.deadletter.v1",
        "subject": headers.get("handrail-key") or output.key.decode(),
        "time": headers["handrail-at"],
        "datacontenttype": "application/json",
        "data": {
            "reason": headers["handrail-reason"],
            "topic": headers["handrail-topic"],
            "partition": partition,
            "offset": offset,
            "value_base64": b64encode(output.value).decode(),
        },
    }
