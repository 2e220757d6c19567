"""Records that went wrong: the golden samples, each changed in one way, by a seed.

Conversations are few and come again, so that what is well-formed enough to be folded meets states that others left.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from handrail.schemas.events import EVENTS
from handrail.schemas.partitioner import partition_of

SAMPLES = Path(__file__).resolve().parents[2] / "handrail" / "schemas" / "samples" / "v1"
CONVERSATIONS = 400
WHOLE = 6  # so many times as often as anything else nothing is done: states have to come from somewhere
DEPTH_BITS = 16.62  # 2 ** 16.62 is a little over 100,000
LARGE_BYTES = 5_000_000
LARGE_EVERY = 5_000  # records; 5 MB each are soon many
LATE = 0.9  # from there on records may come from the year 9999, after which a log's time stands still
YEAR_9999_MS = 253_402_300_799_999
Json = Any


@dataclass(frozen=True, slots=True)
class Mutant:
    """One record to be sent. `kind` names what was done to it; `timestamp_ms` None: now."""

    kind: str
    partition: int
    key: bytes | None
    value: bytes | None
    timestamp_ms: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def mutants(
    seed: int, count: int, partitions: int, ruleset: str, handoffs: Sequence[tuple[str, str]] = ()
) -> Iterator[Mutant]:
    """`count` of them, the same ones for the same seed. An activation always names `ruleset`, or no hash at all.

    An unknown bundle stops a worker on purpose: nobody could say what it would decide. `handoffs` are those that are
    there to be answered, as (conversation, handoff id); more may come while this goes on.
    """
    dice = random.Random(seed)
    samples = [orjson.loads(path.read_bytes()) for path in sorted(SAMPLES.glob("*.json"))]
    names = [*sorted(KINDS), *["whole"] * WHOLE]
    made = 0
    while made < count:
        kind = "large" if made % LARGE_EVERY == LARGE_EVERY // 2 else dice.choice(names)
        event = _fresh(dice, dice.choice(samples), ruleset, handoffs)
        mutant = _placed(dice, kind, event, partitions, late=made > count * LATE)
        if not _activates_another(mutant.value, ruleset):
            made += 1
            yield mutant


def _fresh(dice: random.Random, sample: Json, ruleset: str, handoffs: Sequence[tuple[str, str]]) -> Json:
    """The sample as an event of one of the conversations; now and then with an id that was there before."""
    event = orjson.loads(orjson.dumps(sample))
    event["id"] = f"e{dice.randrange(1_000_000_000) if dice.random() < 0.9 else dice.randrange(20)}"
    if event["subject"] != "control":
        event["subject"] = f"conv-{dice.randrange(CONVERSATIONS)}"
        if handoffs and "resolution" in event["data"]:
            event["subject"], event["data"]["resolution"]["handoff_id"] = dice.choice(handoffs[-100:])
        for data in (event["data"], event["data"].get("resolution")):
            if isinstance(data, dict) and "conversation_id" in data:
                data["conversation_id"] = event["subject"]
    if event["type"] == "handrail.control.policies.activated.v1":
        event["data"]["ruleset"] = ruleset
    return event


def _placed(dice: random.Random, kind: str, event: Json, partitions: int, late: bool) -> Mutant:
    key: bytes | None = str(event["subject"]).encode()
    value = KINDS[kind](dice, event) if kind in KINDS else _large(dice, event)
    number, timestamp_ms = partition_of(key, partitions) if key else 0, None
    if key == b"control":
        number = dice.randrange(partitions)
    if kind == "partition":
        number = (number + 1 + dice.randrange(partitions - 1)) % partitions
    if kind == "key":
        key = dice.choice([None, b"", b"conv-elsewhere", b"control", bytes(dice.randbytes(9)), b"k" * 70_000])
    if kind == "time":
        timestamp_ms = dice.choice([0, 1, YEAR_9999_MS if late else None])
    headers = ((dice.choice(("traceparent", "handrail-topic", "x")), dice.randbytes(4)),) if kind == "headers" else ()
    return Mutant(kind, number, key, value, timestamp_ms, headers)


def _activates_another(value: bytes | None, ruleset: str) -> bool:
    if value is None or b"sha256:" not in value:
        return False
    try:
        event = orjson.loads(value)
        return bool(event["type"].endswith("policies.activated.v1") and event["data"]["ruleset"] != ruleset)
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return False


# --- what is done to bytes


def _bits(dice: random.Random, event: Json) -> bytes:
    value = bytearray(orjson.dumps(event))
    for _ in range(dice.randint(1, 8)):
        value[dice.randrange(len(value))] ^= 1 << dice.randrange(8)
    return bytes(value)


def _truncated(dice: random.Random, event: Json) -> bytes:
    value = orjson.dumps(event)
    return value[: dice.randrange(len(value))]


def _spliced(dice: random.Random, event: Json) -> bytes:
    value = orjson.dumps(event)
    first, second = dice.randrange(len(value)), dice.randrange(len(value))
    return value[:first] + value[second:]


def _nested(dice: random.Random, event: Json) -> bytes:
    """From what is read to what no stack holds, in the middle of an event or by itself, closed or not."""
    depth = int(2 ** dice.uniform(5, DEPTH_BITS))
    opening, closing = dice.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")])
    deep = opening * depth + b"1" + closing * (depth if dice.random() < 0.8 else 0)
    return deep if dice.random() < 0.3 else _with(dice, event, deep)


def _number(dice: random.Random, event: Json) -> bytes:
    digits = dice.choice([16, 17, 20, 40, 400, 5_000])
    text = dice.choice(["9" * digits, "-" + "9" * digits, "1" + "0" * digits, "9007199254740991", "9007199254740993"])
    more = dice.choice(["", ".0", "e9", "e308", "e-400", ".5e999", "E+1"])
    return _with(dice, event, (text + more).encode())


def _odd(dice: random.Random, event: Json) -> bytes:
    words = [b"NaN", b"-Infinity", b"1e999", b"-0", b"-0.0", b"0x1", b"01", b"+1", b"1.", b"'a'", b"undefined", b"\x00"]
    return _with(dice, event, dice.choice(words))


def _surrogate(dice: random.Random, event: Json) -> bytes:
    words = [
        b'"\\ud800"',
        b'"\\udfff\\ud800"',
        b'"\xed\xa0\x80"',
        b'"\\ud83d\\ude00"',
        b'"\\u0000"',
        b'"\xff\xfe"',
        b'"\xc0\x80"',
    ]
    return _with(dice, event, dice.choice(words))


def _duplicate(dice: random.Random, event: Json) -> bytes:
    """A key of some object stands twice; in half of all cases with the same value."""
    value = orjson.dumps(event)
    name, inner = dice.choice(list(event.items()))
    again = orjson.dumps({name: inner if dice.random() < 0.5 else dice.choice(LEAVES)})[1:-1]
    escaped = again.replace(b'"', b'"\\u00', 1) if dice.random() < 0.1 else again
    return value[:-1] + b"," + escaped + b"}"


def _with(dice: random.Random, event: Json, text: bytes) -> bytes:
    """The event with this text in the place of some value."""
    mark = "\N{BALLOT X}here"
    parent, name = dice.choice(list(_places(event)))
    parent[name] = mark
    return orjson.dumps(event).replace(orjson.dumps(mark), text)


# --- what is done to values

DECLARED = sorted({name for model in EVENTS.values() for name in model.model_fields})
LEAVES: tuple[Json, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**15,
    1e300,
    "",
    "x",
    "\x00",
    "é" * 300,
    "1e5",
    [],
    {},
    [[]],
    {"": 0},
)


def _places(value: Json) -> Iterator[tuple[Any, Any]]:
    """Every value inside, as its parent and its name there."""
    for name in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, name
        if isinstance(value[name], dict | list):
            yield from _places(value[name])


def _typed(dice: random.Random, event: Json) -> bytes:
    parent, name = dice.choice(list(_places(event)))
    parent[name] = dice.choice(LEAVES)
    return orjson.dumps(event)


def _missing(dice: random.Random, event: Json) -> bytes:
    parent, name = dice.choice(list(_places(event)))
    del parent[name]
    return orjson.dumps(event)


def _long(dice: random.Random, event: Json) -> bytes:
    parent, name = dice.choice(list(_places(event)))
    parent[name] = dice.choice(["word ", "\u202e", "\\", "é"]) * dice.choice([60, 300, 5_000, 60_000])
    return orjson.dumps(event)


def _control(dice: random.Random, event: Json) -> bytes:
    """A control record with what another type says, or an event that calls itself one."""
    names = ("policies.activated", "agent.mode", "model.verified", "breaker.changed", "queue.state", "baseline.set")
    event["type"] = f"handrail.control.{dice.choice([*names, 'tick', 'resolution', 'grant', 'unheard.of'])}.v1"
    if dice.random() < 0.5:
        event["data"] = {name: dice.choice(LEAVES) for name in ("agent_id", "mode", "model", "state", "open", "from")}
    return orjson.dumps(event)


def _undeclared(dice: random.Random, event: Json) -> bytes:
    """Names that other types declare, with any value: nobody has checked those here."""
    if isinstance(event.get("data"), dict):
        event["data"] |= {dice.choice(DECLARED): dice.choice(LEAVES) for _ in range(3)}
    return orjson.dumps(event)


def _time(dice: random.Random, event: Json) -> bytes:
    times = ("1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-23:59", "0000-00-00T00:00:00Z")
    event["time"] = dice.choice((*times, "2026-13-45T99:99:99Z", "1969-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59"))
    return orjson.dumps(event)


def _large(dice: random.Random, event: Json) -> bytes:
    return _with(dice, event, b'"' + b"x" * LARGE_BYTES + b'"')


def _edge(dice: random.Random, event: Json) -> bytes:
    """Around the largest value that is read."""
    missing = 1_000_000 - len(orjson.dumps(event)) + dice.randint(-20, 20)
    event["padding"] = "x" * missing if dice.random() < 0.02 else "x"
    return orjson.dumps(event)


def _as_it_is(_: random.Random, event: Json) -> bytes:
    return orjson.dumps(event)


def _null(dice: random.Random, _: Json) -> bytes | None:
    return dice.choice([None, b"", b"null", b"{}", b" "])


KINDS: dict[str, Callable[[random.Random, Json], bytes | None]] = {
    "bits": _bits,
    "truncated": _truncated,
    "spliced": _spliced,
    "nested": _nested,
    "number": _number,
    "odd": _odd,
    "surrogate": _surrogate,
    "duplicate": _duplicate,
    "typed": _typed,
    "missing": _missing,
    "long": _long,
    "control": _control,
    "time": _time,
    "undeclared": _undeclared,
    "edge": _edge,
    "null": _null,
    "partition": _as_it_is,
    "key": _as_it_is,
    "headers": _as_it_is,
    "whole": _as_it_is,
}
