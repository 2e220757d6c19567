"""An agent event read in one pass where it is plainly fine; where it is not, decode.py has to look.

What is accepted here decode.py accepts too, with the same result (tests/property/schemas/test_quick.py): the shapes are
made from its own models. It alone decides what a record is; this only spares it what nearly all records are: no
escapes, no key twice, nothing that is no string in the envelope.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, partial
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
import orjson
from annotated_types import Ge, Le, MaxLen, MinLen
from pydantic import AfterValidator, BaseModel

from handrail.schemas.canonical import is_plain
from handrail.schemas.controls import CONTROL_KEY
from handrail.schemas.envelope import Envelope
from handrail.schemas.events import EVENTS
from handrail.schemas.fields import PLAIN, check_visible
from handrail.schemas.identity import mistake_in
from handrail.schemas.strict_json import DEPTH_MAX

BYTES_MAX = 20_000

# As numbers: `in` over bytes tries a number first, and for a text it takes five times as long.
BACKSLASH, DELETE, DOT = 0x5C, 0x7F, 0x2E
_ZEROS = bytes(0x30 if 0x30 <= code <= 0x39 else code for code in range(256))  # every digit as 0
_EXACT = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER  # which refuses what is beyond 2^53-1
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII).fullmatch
_LEAVES = frozenset({str, int, bool, NoneType})


def read(value: bytes | None) -> tuple[dict[str, Any], bytes] | None:
    """(the event as it came, `data` last, and `data` in canonical form), or None where decode.py has to look."""
    # Without a backslash no text has a control character or a quote, and each quote is one of JSON's own.
    if value is None or len(value) > BYTES_MAX or BACKSLASH in value or DELETE in value:
        return None
    if value.count(b"{") + value.count(b"[") > DEPTH_MAX:
        return None
    try:
        raw = orjson.loads(value)
        _CHECKS[raw["type"]](raw)
        data = raw.pop("data")
        if not _check_visible(data.get("agent_id"), data.get("tenant")):
            return None
        content = orjson.dumps(data, option=_EXACT)
        size = _compact_size(raw, content)
    except (ValueError, TypeError, KeyError):
        return None
    raw["data"] = data
    if not (value.isascii() and len(value) == size and (_no_fraction(content) or _has_no_floats(data))):
        # Whatever stands there, a key that was dropped because it came twice took its quotes with it.
        quotes = 4 * len(raw) - 2 + content.count(b'"')
        if value.count(b'"') != quotes or not is_plain(data):
            return None
    subject = raw["subject"]
    if not _TIME(raw["time"]) or data["conversation_id"] != subject or subject == CONTROL_KEY:
        return None
    return raw, content


@lru_cache(4096)  # of names that are not too long: the models have looked at them
def _check_visible(*ids: str | None) -> bool:
    """Whether each is an id, or absent (fields.check_visible)."""
    return all(name is None or mistake_in(name) is None for name in ids)


def _compact_size(envelope: Mapping[str, Any], content: bytes) -> int:
    """The least size of a record of this envelope, all strings, and data; a larger one has spaces or a key twice.

    Each field takes six characters beside its name and its text, the brackets and `"data":` nine. Raises TypeError
    where something else than a string stands in the envelope.
    """
    return len(content) + len("".join(envelope)) + len("".join(envelope.values())) + 6 * len(envelope) + 9


def _no_fraction(content: bytes) -> bool:
    """Whether its text alone shows that no number in it has a fraction or an exponent; mostly it does."""
    return DOT not in content and content.translate(_ZEROS).find(b"0e") < 0


def _has_no_floats(value: dict[str, Any] | list[Any]) -> bool:
    """Whether there are no fractions in it."""
    inners: Iterable[Any] = value.values() if isinstance(value, dict) else value
    if _LEAVES.issuperset(map(type, inners)):
        return True
    return all(type(inner) is not float and (type(inner) in _LEAVES or _has_no_floats(inner)) for inner in inners)


# --- shapes that accept what the models accept, or less


def _check(model: type[BaseModel]) -> Callable[[Any], Any]:
    """Raises msgspec.ValidationError, a ValueError, for a record whose data is none of the model."""
    names = {"data": _struct(model), "time": str, "traceparent": str}
    return partial(msgspec.convert, type=_struct(Envelope, names))


def _struct(model: type[BaseModel], instead: Mapping[str, Any] | None = None) -> Any:
    fields: list[Any] = []
    for name, field in model.model_fields.items():
        kind = (instead or {}).get(name) or _kind(field.annotation, field.metadata)
        fields.append((name, kind) if field.is_required() else (name, kind, field.default))
    return msgspec.defstruct(model.__name__, fields, kw_only=True, gc=False)


def _kind(annotation: Any, metadata: list[Any]) -> Any:
    """The type of a field; its bounds stand around it or, in a union, around the whole."""
    if get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        metadata = [*metadata, *inner]
    bounds = [bound for each in metadata for bound in getattr(each, "metadata", [each])]
    if get_origin(annotation) in (Union, UnionType):
        return Union[tuple(_kind(bound, bounds) for bound in get_args(annotation))]  # noqa: UP007 - made of a tuple
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _struct(annotation)
    if annotation is NoneType or get_origin(annotation) in (Literal, dict):
        return annotation
    return Annotated[annotation, _meta(bounds)] if bounds else annotation


def _meta(bounds: Iterable[Any]) -> msgspec.Meta:
    limits: dict[str, Any] = {}
    for bound in bounds:
        match bound:
            case MinLen(min_length=n):
                limits["min_length"] = n
            case MaxLen(max_length=n):
                limits["max_length"] = n
            case Ge(ge=n):
                limits["ge"] = n
            case Le(le=n):
                limits["le"] = n
            case AfterValidator(func=check) if check is check_visible:
                pass  # which `read` looks after
            case _ if bound.pattern != PLAIN:  # which `read` looks after
                limits["pattern"] = bound.pattern
    return msgspec.Meta(**limits)


_CHECKS = {name: _check(model) for name, model in EVENTS.items()}
