"""The fold over a file of CloudEvents: what a worker would have written, without a broker."""

from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson

from handrail.policies import Bundle
from handrail.schemas.clock import to_ms
from handrail.schemas.errors import SchemaError
from handrail.schemas.event_types import DEAD_LETTER, POLICIES_ACTIVATED
from handrail.schemas.record import Output, Record
from handrail.schemas.strict_json import BYTES_MAX
from handrail.schemas.topics import AGENT_EVENTS, DEADLETTERS
from handrail.streams.governor.alerts import NOT_HISTORY
from handrail.streams.governor.outgoing import SOURCE
from handrail.streams.governor.partition import PartitionFold

PLACE = ("logpartition", "logoffset", "logtime")
"""The extensions of exported files: where a record lay on the log, and when it came there."""

SOURCES_MAX = 20

Notice = Callable[[str], None]


def replay(
    lines: Iterable[bytes], bundles: Mapping[str, Bundle], ruleset: str, notice: Notice
) -> Iterator[dict[str, Any]]:
    """Every output record as a CloudEvent, in the order of the file.

    Acts as if `ruleset` had been activated first; where it is empty, the file says what is active. `notice` gets one
    line for each activation of a bundle that is not among `bundles`, which is passed over, one for each partition
    whose records do not come in the order of the log: those that come late are passed over, and one for each source
    (up to SOURCES_MAX) whose `recorded: true` the bundle ignores.
    """
    folds: dict[int, PartitionFold] = {}
    late: set[int] = set()
    ignored: set[str] = set()
    for record, raw in placed(lines):
        where = f"partition {record.partition}, offset {record.offset}"
        if raw.get("type") == POLICIES_ACTIVATED and (other := _ruleset(raw)) is not None and other not in bundles:
            notice(f"{where}: activates {other}, which is not among the bundles given; passed over")
            continue
        if record.partition not in folds:
            folds[record.partition] = PartitionFold(record.partition, None, bundles, ruleset, checked=False)
        fold = folds[record.partition]
        if record.offset <= fold.position and record.partition not in late:
            late.add(record.partition)
            notice(f"{where}: comes after offset {fold.position}; passed over, with all like it: sort by logoffset")
        for output in fold.fold([record]).outputs:
            event = shown(output)
            source = _not_history(event)
            if source is not None and source not in ignored and len(ignored) < SOURCES_MAX:
                ignored.add(source)
                notice(
                    f"{where}: `recorded: true` of {source!r} is ignored, as if it happened now: "
                    "name it in recorded_sources in agents.yaml where it is history"
                )
            yield event


def _not_history(event: dict[str, Any]) -> str | None:
    """The source of which an alert says that its `recorded: true` is ignored; None of anything else."""
    data = event["data"]
    source: str | None = data["evidence"]["source"] if data.get("message") == NOT_HISTORY else None
    return source


def placed(lines: Iterable[bytes]) -> Iterator[tuple[Record, dict[str, Any]]]:
    """Each line as a record of `agent.events.v1`, with what it says; nothing where it is no JSON object.

    Exported files carry `logpartition`, `logoffset` and `logtime`, which are used where they stand. Without them
    records are numbered from offset 0 in partition 0, and their time is `time`. It never runs back. Empty lines are
    skipped.
    """
    clocks: dict[int, int] = {}
    offset = 0
    for line in lines:
        if not line.strip():
            continue
        raw = _read(line)
        partition, at = _int(raw, "logpartition", 0), _int(raw, "logoffset", offset)
        offset = at + 1
        clocks[partition] = _time(raw, clocks.get(partition, 0))
        yield Record(AGENT_EVENTS, partition, at, clocks[partition], _key(raw), _value(line, raw)), raw


def unplaced(raw: dict[str, Any]) -> dict[str, Any]:
    """The event as it lay on the log."""
    return {name: value for name, value in raw.items() if name not in PLACE}


def _value(line: bytes, raw: dict[str, Any]) -> bytes:
    """The line itself, but for an event that only its place makes too long to be read."""
    return line if len(line) <= BYTES_MAX or not raw else orjson.dumps(unplaced(raw))


def _read(line: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return raw if isinstance(raw, dict) else {}


def _int(raw: dict[str, Any], name: str, otherwise: int) -> int:
    value = raw.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else otherwise


def _time(raw: dict[str, Any], before: int) -> int:
    for name in ("logtime", "time"):
        if isinstance(text := raw.get(name), str):
            try:
                return max(to_ms(text), before)
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
        event: dict[str, Any] = orjson.loads(output.value)
        return event
    headers = {name: value.decode(errors="replace") for name, value in output.headers}
    partition, offset = int(headers["handrail-partition"]), int(headers["handrail-offset"])
    return {
        "specversion": "1.0",
        "id": f"dl-{partition}-{offset}",
        "source": SOURCE,
        "type": DEAD_LETTER,
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
