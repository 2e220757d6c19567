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
    rule = next((one for one in source.rules if all(holds(when, body) for when in one.when)), None)
    if rule is None:
        return None
    delivery = find(body, source.delivery)
    if delivery is MISSING or delivery is None or isinstance(delivery, dict | list):
        raise SchemaError(f"{source.delivery}: is missing: it must name the delivery")
    data = fields(rule, body)
    found = {
        "specversion": "1.0",
        "id": sha256(orjson.dumps([source.name, text_of(delivery), rule.record])).hexdigest(),
        "source": f"/in/{source.name}",
        "type": TYPES[rule.record],
        "subject": data.get("conversation_id", ""),
        "time": data.get("at", ""),
        "datacontenttype": "application/json",
        "data": data,
    }
    decode_resolution(orjson.dumps(found))
    return found


def fields(rule: Rule, body: Any) -> dict[str, Any]:
    """The data of the record; `by.id` is a field inside of `by`. What the body lacks is left out.

    Raises SchemaError where a value cannot be read.
    """
    data: dict[str, Any] = {}
    for name, how in rule.fields.items():
        try:
            found = value(how, body)
        except (ValueError, ArithmeticError) as error:
            raise SchemaError(f"{name}: {how.at}: {error}") from None
        if found is not None:
            outer, _, inner = name.partition(".")
            if inner:
                data.setdefault(outer, {})[inner] = found
            else:
                data[outer] = found
    return data


def holds(when: When, body: Any) -> bool:
    """Whether what stands there is as the rule wants it."""
    found = find(body, when.at)
    items = found if isinstance(found, list) else []
    return (
        (when.exists is None or (found is not MISSING and found is not None) == when.exists)
        and (when.equals is None or found == when.equals)
        and (not when.one_of or found in when.one_of)
        and (when.starts is None or (isinstance(found, str) and found.startswith(when.starts)))
        and (when.contains is None or when.contains in items)
        and (when.lacks is None or when.lacks not in items)
    )


def value(how: Value, body: Any) -> Any:
    """The field's value; None where the body has none and no default is given. Raises ValueError."""
    if how.at is None:
        return how.value
    found = find(body, how.at)
    if found is MISSING or found is None or found == "":
        return how.default
    if how.part is not None:
        parts = text_of(found).split(how.split, how.of - 1)
        found = parts[how.part] if how.part < len(parts) else ""
        if not found:
            return how.default
    if how.map is not None:
        return how.map.get(text_of(found), how.default)
    return _as(how, found)


def _as(how: Value, found: Any) -> Any:
    if how.is_ == "time":
        return time(found)
    if how.is_ == "number":
        return found if type(found) in (int, float) else float(found)
    if how.is_ == "integer":
        return found if type(found) is int else int(text_of(found))
    if how.is_ == "boolean":
        return found if isinstance(found, bool) else _TRUTH.get(text_of(found).lower(), how.default)
    if how.is_ == "list":
        return found if isinstance(found, list) else [found]
    text = text_of(found)
    return how.prefix + (plain(text) if how.is_ == "plain" else text)[:NOTE_MAX]


def time(found: Any) -> str:
    """RFC 3339 in UTC, of RFC 3339 or of seconds since 1970. Raises ValueError."""
    if isinstance(found, str) and not found.isdecimal():
        try:
            return to_rfc3339(to_ms(found))
        except SchemaError as error:
            raise ValueError(str(error)) from None
    return to_rfc3339(int(float(found) * 1000))


def plain(text: str) -> str:
    """HTML without its tags: what a person reads. It is text afterwards, and safe only where it is shown as such."""
    found = html.unescape(_TAG.sub("", _BREAK.sub("\n", text[: 4 * NOTE_MAX])))
    return "\n".join(line.strip() for line in found.splitlines() if line.strip())
