"""What a ticket system says, as a record of `human.resolutions.v1`. By configuration alone. Pure.

The id follows from the source and its delivery, and every field from the body, so that the same delivery twice is the
same record twice, which counts once.
"""

import html
import re
from hashlib import sha256
from typing import Any

import orjson

from handrail.hooks.config import Rule, Source, Value, When
from handrail.hooks.template import MISSING, find, text_of
from handrail.schemas.clock import to_ms, to_rfc3339
from handrail.schemas.decode import decode_resolution
from handrail.schemas.errors import SchemaError

TYPES = {"resolution": "handrail.resolution.v1", "claimed": "handrail.handoff.claimed.v1"}
NOTE_MAX = 10_000  # characters of any text that is taken over
_TAG = re.compile(r"<[^>]*>")
_BREAK = re.compile(r"<(?:br|/p|/div|/li)\b[^>]*>", re.IGNORECASE)
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}

Event = dict[str, Any]


def event(source: Source, body: Any) -> Event | None:
    """The record; None where no rule is about such a body.

    Raises SchemaError where a rule is, and the body lacks what the contract needs.
    """
    rule = next((candidate for candidate in source.rules if all(holds(when, body) for when in candidate.when)), None)
    if rule is None:
        return None
    delivery = find(body, source.delivery)
    if delivery is MISSING or delivery is None or isinstance(delivery, dict | list):
        raise SchemaError(f"{source.delivery}: is missing: it must name the delivery")
    data = fields(rule, body)
    event = {
        "specversion": "1.0",
        "id": sha256(orjson.dumps([source.name, text_of(delivery), rule.record])).hexdigest(),
        "source": f"/in/{source.name}",
        "type": TYPES[rule.record],
        "subject": data.get("conversation_id", ""),
        "time": data.get("at", ""),
        "datacontenttype": "application/json",
        "data": data,
    }
    decode_resolution(orjson.dumps(event))
    return event


def fields(rule: Rule, body: Any) -> dict[str, Any]:
    """The data of the record; `by.id` is a field inside of `by`. What the body lacks is left out.

    Raises SchemaError where a value cannot be read.
    """
    data: dict[str, Any] = {}
    for name, how in rule.fields.items():
        try:
            field = value(how, body)
        except (ValueError, ArithmeticError) as error:
            raise SchemaError(f"{name}: {how.at}: {error}") from None
        if field is not None:
            outer, _, inner = name.partition(".")
            if inner:
                data.setdefault(outer, {})[inner] = field
            else:
                data[outer] = field
    return data


def holds(when: When, body: Any) -> bool:
    """Whether what stands there is as the rule wants it."""
    actual = find(body, when.at)
    items = actual if isinstance(actual, list) else []
    return (
        (when.exists is None or (actual is not MISSING and actual is not None) == when.exists)
        and (when.equals is None or actual == when.equals)
        and (not when.one_of or actual in when.one_of)
        and (when.starts is None or (isinstance(actual, str) and actual.startswith(when.starts)))
        and (when.contains is None or when.contains in items)
        and (when.lacks is None or when.lacks not in items)
    )


def value(how: Value, body: Any) -> Any:
    """The field's value; None where the body has none and no default is given. Raises ValueError."""
    if how.at is None:
        return how.value
    actual = find(body, how.at)
    if actual is MISSING or actual is None or actual == "":
        return how.default
    if how.part is not None:
        parts = text_of(actual).split(how.split, how.of - 1)
        actual = parts[how.part] if how.part < len(parts) else ""
        if not actual:
            return how.default
    if how.map is not None:
        return how.map.get(text_of(actual), how.default)
    return _converted(how, actual)


def _converted(how: Value, actual: Any) -> Any:
    if how.is_ == "time":
        return time(actual)
    if how.is_ == "number":
        return actual if type(actual) in (int, float) else float(actual)
    if how.is_ == "integer":
        return actual if type(actual) is int else int(text_of(actual))
    if how.is_ == "boolean":
        return actual if isinstance(actual, bool) else _TRUTH.get(text_of(actual).lower(), how.default)
    if how.is_ == "list":
        return actual if isinstance(actual, list) else [actual]
    text = text_of(actual)
    return how.prefix + (plain(text) if how.is_ == "plain" else text)[:NOTE_MAX]


def time(value: Any) -> str:
    """RFC 3339 in UTC, of RFC 3339 or of seconds since 1970. Raises ValueError."""
    if isinstance(value, str) and not value.isdecimal():
        try:
            return to_rfc3339(to_ms(value))
        except SchemaError as error:
            raise ValueError(str(error)) from None
    return to_rfc3339(int(float(value) * 1000))


def plain(text: str) -> str:
    """HTML without its tags: what a person reads. It is text afterwards, and safe only where it is shown as such."""
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", text[: 4 * NOTE_MAX])))
    return "\n".join(line.strip() for line in text.splitlines() if line.strip())
