"""Agent events that are nearly fine: golden samples with up to three edits, each where two readers may differ.

Written by hand, token by token, because what matters is spelling: numbers, escapes, keys that stand twice, spaces.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from handrail.schemas.events import EVENTS
from tests.fuzz.mutations import SAMPLES

NUMBERS = b"""
    0 -0 1 -1 7 10 1.0 -0.0 0.0 0.5 1.5 2.50 0.1000 100.25 5 1e5 1E5 1e-5 1e+2 -1e2 0e0 0.001 0.0010000001 0.00099 1e-3
    999999999.5 1000000000.5 1e9 1.1e9 123456789.123456789 0.30000000000000004 1000000000000 1000000000001
    9007199254740991 9007199254740992 9007199254740993 -9007199254740991 -9007199254740992 9223372036854775807
    9223372036854775808 18446744073709551615 18446744073709551616 -9223372036854775809 99999999999999999999
    1e308 1e309 1e400 -1e400 1e-400 4.9e-324 0.12345678901234567890 1.00000000000000000001 12345678901234567.5
    01 1. .5 +1 0x1 NaN Infinity -Infinity
""".split()
WORDS = (
    "1e5", "0.5", "1.5e3", "a.b", "e", "5e", "", "x", " ", "null", "true", "é", "ß", "İ", "ſ", "日本", "😀",
    "\ufeff", "\u2028", "\x7f", "\x80", "\x9f", "\uffff", "\x00", "\x1f", "a\\b", 'a"b', "a\nb", "12\n", "١٢",
    *(letter * times for letter in "aé😀" for times in (128, 129, 255, 256, 257, 511, 512, 513)),
    "{" * 70, "[{", "/", "control", "0.0412", "1234567890", "123456789.123456789012", "0.1234567890123", "1.", ".5",
    "-1", "ai", "read", "write", "ok", "error",
)  # fmt: skip
TEXTS = (
    *(orjson.dumps(word) for word in WORDS),
    b'"\\u0061"', b'"\\/"', b'"\\ud83d\\ude00"', b'"\\ud800"', b'"\\ude00x"', b'"\\"', b'"\\x"', b'"', b"'x'",
    b'"\xed\xa0\x80"', b'"\xff"', b'"\xc0\x80"', b'"\xc3"', b'"\xf4\x90\x80\x80"', b'"\x00"', b'"\t"', b'"\n"',
)  # fmt: skip
OTHERS = (
    b"null", b"true", b"false", b"{}", b"[]", b'{"":0}', b"[1,2.5,[]]", b'{"b":1,"a":2}', b'{"a":1,"a":1}',
    b'{"a":1,"\\u0061":2}', '{"é":1,"a":2}'.encode(), '{"\U0001f600":1,"\uffff":2}'.encode(), b"[1.0]", b"[0.5,true]",
    b'{"a":{"b":1.0}}', b"[,]", b"[1,]", b"undefined", b'{"a":1.5}', b'[{"a":[1.25]}]', b"[ 1 , 2 ]", b'{"1e5":1}',
    b'{"a.b":1}',
)  # fmt: skip
KEYS = (
    b'"a"', b'"zz"', b'""', b'"A"', '"é"'.encode(), '"\U0001f600"'.encode(), '"\uffff"'.encode(), b'"\\u0061"',
    b'"a\\u0062"', b'"1e5"', b'"0.5"', b'"\x7f"', b'"model"', b'"result"', b'"type"', b'"__class__"', b'"recorded"',
    b'"customer"', b'"agent_version"', b'"effect"',
)  # fmt: skip
TIMES = (
    "2026-11-23T10:15:02Z", "2026-11-23t10:15:02z", "2026-11-23T10:15:02.4Z", "2026-11-23T10:15:02.123456789Z",
    "2026-11-23T10:15:02.1234567890Z", "2026-11-23T10:15:02.12345678901234567890+01:00", "2026-11-23T10:15:02.Z",
    "2026-11-23T10:15:60Z", "2026-11-23T24:00:00Z", "2026-11-23T25:61:61Z", "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z", "2026-11-23T10:15:02", "2026-11-23T10:15:02+01:00", "2026-11-23T10:15:02-23:59",
    "2026-11-23T10:15:02+99:99", "2026-11-23T10:15:02+0100", "2026-11-23 10:15:02Z", "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:59.999Z", "20261-11-23T10:15:02Z", "2026-11-23T10:15Z", "٢٠٢٦-11-23T10:15:02Z",
    "2026-11-23T10:15:02.١Z", "2026-11-23T10:15:02Zx", "-026-11-23T10:15:02Z", "",
)  # fmt: skip
SPACES = (b" ", b"  ", b"\n", b"\t", b"\r\n", b"\x0c", b"\xa0", "\u2003".encode())
TYPES = (*EVENTS, "handrail.control.tick.v1", "handrail.control.agent.mode.v1", "handrail.dreamt.v1")


class Raw(bytes):
    """A token as it is written."""


class Fields(list[tuple[bytes, Any]]):
    """An object: its keys as tokens, which may come twice."""


Edit = Callable[[random.Random, Fields], None]


def nearly(seed: int, count: int) -> Iterator[bytes]:
    """`count` records, the same ones for the same seed."""
    dice = random.Random(seed)
    samples = [
        sample
        for path in sorted(SAMPLES.glob("*.json"))
        if (sample := orjson.loads(path.read_bytes()))["type"] in EVENTS
    ]
    for _ in range(count):
        event = fields_of(dice.choice(samples))
        for _ in range(dice.choice((0, 1, 1, 1, 2, 3))):
            dice.choice(EDITS)(dice, event)
        yield _around(dice, written(event, dice.choice(SPACES) if dice.random() < 0.1 else b"", dice))


def fields_of(value: Any) -> Any:
    """A JSON value with its objects as Fields and all others as they are."""
    if isinstance(value, dict):
        return Fields((orjson.dumps(name), fields_of(inner)) for name, inner in value.items())
    return [fields_of(inner) for inner in value] if isinstance(value, list) else value


def written(value: Any, space: bytes, dice: random.Random) -> bytes:
    """The value as JSON; here and there with a space."""
    pad = space if space and dice.random() < 0.2 else b""
    if isinstance(value, Raw):
        return bytes(value)
    if isinstance(value, Fields):
        items = (key + pad + b":" + written(item, space, dice) for key, item in value)
        return b"{" + (pad + b",").join(items) + pad + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(written(item, space, dice) for item in value) + pad + b"]"
    return orjson.dumps(value)


def _around(dice: random.Random, value: bytes) -> bytes:
    """Now and then with something before or behind it, cut, or with one bit turned."""
    what = dice.randrange(60)
    if what == 0:
        return dice.choice((b"\xef\xbb\xbf", b" ", b"\n", b"\x00")) + value
    if what == 1:
        return value + dice.choice((b"\n", b" ", b"\x00", b"}", b"x", b"{}"))
    if what == 2:
        return value[: dice.randrange(len(value))]
    if what == 3:
        at = dice.randrange(len(value))
        return value[:at] + bytes([value[at] ^ 1 << dice.randrange(8)]) + value[at + 1 :]
    return value


# --- edits


def _objects(value: Any) -> Iterator[Fields]:
    if isinstance(value, Fields):
        yield value
    if isinstance(value, list):
        for item in value:
            yield from _objects(item[1] if isinstance(value, Fields) else item)


def _data(event: Fields) -> Fields:
    data = next((value for key, value in event if key == b'"data"'), None)
    return data if isinstance(data, Fields) else event


def _an_object(dice: random.Random, event: Fields) -> Fields:
    return dice.choice([event, *_objects(_data(event))])


def _set(fields: Fields, key: bytes, value: Any) -> None:
    for at, (name, _) in enumerate(fields):
        if name == key:
            fields[at] = (key, value)
            return
    fields.append((key, value))


def _token(dice: random.Random) -> Raw:
    return Raw(dice.choice(dice.choice((NUMBERS, TEXTS, OTHERS))))


def _another_value(dice: random.Random, event: Fields) -> None:
    fields = _an_object(dice, event)
    if fields:
        at = dice.randrange(len(fields))
        fields[at] = (fields[at][0], _token(dice))


def _an_argument(dice: random.Random, event: Fields) -> None:
    """One more field where any value may stand."""
    data = _data(event)
    inside = [value for key, value in data if isinstance(value, Fields) and key in (b'"arguments"', b'"attributes"')]
    dice.choice([data, *inside]).append((dice.choice(KEYS), _token(dice)))


def _a_field(dice: random.Random, event: Fields) -> None:
    fields = _an_object(dice, event)
    fields.insert(dice.randint(0, len(fields)), (dice.choice(KEYS), _token(dice)))


def _twice(dice: random.Random, event: Fields) -> None:
    """A key comes again, maybe spelled in another way, maybe with a value that makes up for its length."""
    fields = _an_object(dice, event)
    if not fields:
        return
    key, value = dice.choice(fields)
    if dice.random() < 0.3 and len(key) > 2:
        key = b'"\\u%04x' % key[1] + key[2:]
    fields.insert(dice.randint(0, len(fields)), (key, value if dice.random() < 0.5 else _token(dice)))


def _gone(dice: random.Random, event: Fields) -> None:
    fields = _an_object(dice, event)
    if fields:
        del fields[dice.randrange(len(fields))]


def _null(dice: random.Random, event: Fields) -> None:
    fields = _an_object(dice, event)
    if fields:
        at = dice.randrange(len(fields))
        fields[at] = (fields[at][0], None)


def _deep(dice: random.Random, event: Fields) -> None:
    opening, closing = dice.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")))
    depth = dice.choice((1, 3, 10, 29, 30, 31, 59, 60, 61, 62, 63, 64, 65, 200))
    _an_object(dice, event).append((b'"deep"', Raw(opening * depth + b"1" + closing * depth)))


def _time(dice: random.Random, event: Fields) -> None:
    _set(event, b'"time"', dice.choice(TIMES))


def _type(dice: random.Random, event: Fields) -> None:
    _set(event, b'"type"', dice.choice(TYPES))


def _named(dice: random.Random, event: Fields) -> None:
    """Another conversation, in the envelope, in the data, or in both."""
    name = Raw(dice.choice(TEXTS))
    for fields, key in ((event, b'"subject"'), (_data(event), b'"conversation_id"')):
        if dice.random() < 0.8:
            _set(fields, key, name)


def _attribute(dice: random.Random, event: Fields) -> None:
    """An attribute of the envelope: any extension, or one of its own."""
    keys = (b'"traceparent"', b'"source"', b'"id"', b'"datacontenttype"', b'"specversion"', b'"ext"', b'"partitionkey"')
    _set(event, dice.choice(keys), _token(dice) if dice.random() < 0.6 else Raw(dice.choice(TEXTS)))


def _moved(dice: random.Random, event: Fields) -> None:
    dice.shuffle(_an_object(dice, event))


def _data_itself(dice: random.Random, event: Fields) -> None:
    _set(event, b'"data"', _token(dice))


EDITS: Sequence[Edit] = (
    _another_value, _another_value, _an_argument, _an_argument, _an_argument, _a_field, _twice, _twice, _gone, _null,
    _deep, _time, _type, _named, _attribute, _attribute, _moved, _moved, _data_itself,
)  # fmt: skip
