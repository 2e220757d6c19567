"""From bytes to a record of the contract, or one line that says why not."""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError, create_model

from handrail.schemas.controls import CONTROL_KEY, CONTROLS, OF_A_CONVERSATION
from handrail.schemas.envelope import Envelope
from handrail.schemas.errors import SchemaError
from handrail.schemas.event_types import RESOLUTION_COPY
from handrail.schemas.events import EVENTS
from handrail.schemas.fields import PLAIN, TIME, Shape
from handrail.schemas.money import PATTERN
from handrail.schemas.outputs import OUTPUTS
from handrail.schemas.resolutions import RESOLUTIONS
from handrail.schemas.strict_json import loads

SHOWN = 60
_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "true or false", int: "a number", float: "a number"}
_INSTANCE = re.compile(r" or instance of \w+")
_FORMS = {
    TIME: "must be an RFC 3339 time with a zone, such as 2026-11-23T10:15:02Z",
    PLAIN: "must not have control characters",
    PATTERN: 'must be a decimal in a string, such as "0.0412"',
}


class Decoded(NamedTuple):
    """`raw` is the whole event as it came, `event` the same, typed."""

    raw: dict[str, Any]
    event: Envelope


Validators = Mapping[str, Callable[[Any], Envelope]]


def _validators(types: Mapping[str, type[Shape]]) -> Validators:
    """For each type one validator of envelope and data together: half the time of one after the other."""
    made = {name: create_model(model.__name__, __base__=Envelope, data=model) for name, model in types.items()}
    return {name: model.__pydantic_validator__.validate_python for name, model in made.items()}


LOG = _validators({**EVENTS, **CONTROLS})
ANSWERS = _validators(RESOLUTIONS)
WRITTEN = _validators(OUTPUTS)


def decode(value: bytes | None) -> Decoded:
    """A record of `agent.events.v1`. Raises SchemaError."""
    decoded = _decode(value, LOG)
    raw, subject = decoded.raw, decoded.raw["subject"]
    if raw["type"] in EVENTS:
        if raw["data"]["conversation_id"] != subject:
            raise SchemaError(f"data.conversation_id: must be the subject {subject!r}")
        if subject == CONTROL_KEY:
            raise SchemaError(f"subject: {CONTROL_KEY!r} is kept for control records: use another conversation id")
    elif (raw["type"] in OF_A_CONVERSATION) == (subject == CONTROL_KEY):
        raise SchemaError(f"subject: {subject!r} does not fit {raw['type']}")
    elif raw["type"] == RESOLUTION_COPY:
        _check_copy(raw["data"], subject)
    return decoded


def decode_resolution(value: bytes | None) -> Decoded:
    """A record of `human.resolutions.v1`. Raises SchemaError."""
    decoded = _decode(value, ANSWERS)
    subject = decoded.raw["subject"]
    if decoded.raw["data"].get("conversation_id", subject) != subject:
        raise SchemaError(f"data.conversation_id: must be the subject {subject!r}")
    return decoded


def decode_output(value: bytes | None) -> Decoded:
    """A decision, handoff, alert or dead letter. Raises SchemaError."""
    return _decode(value, WRITTEN)


def _check_copy(data: dict[str, Any], subject: str) -> None:
    """Refuse a copy of what no worker would have copied: anybody may have written it."""
    copied = data["resolution"]
    try:
        RESOLUTIONS[data["type"]].model_validate(copied)
    except ValidationError as error:
        raise SchemaError(f"data.resolution.{line(error)}") from None
    if copied.get("conversation_id", subject) != subject:
        raise SchemaError(f"data.resolution.conversation_id: must be the subject {subject!r}")


def _decode(value: bytes | None, validators: Validators) -> Decoded:
    raw = loads(value)
    if not isinstance(raw, dict):
        raise SchemaError(f"value: must be a CloudEvent, an object in JSON, got {shown(raw)}")
    named = raw.get("type")
    validate = validators.get(named) if isinstance(named, str) else None
    try:
        event = (validate or Envelope.model_validate)(raw)
    except ValidationError as error:
        raise SchemaError(line(error)) from None
    if validate is None:
        raise SchemaError(f"type: {raw['type'][:SHOWN]!r} is not known here: see the types of the contract")
    return Decoded(raw, event)


def line(error: ValidationError) -> str:
    """The first mistake in one line, and how many more there are."""
    mistakes = error.errors(include_url=False)
    first = mistakes[0]
    where = ".".join(str(part) for part in first["loc"]) or "value"
    what = "is missing" if first["type"] == "missing" else f"{_what(first['msg'])}, got {shown(first['input'])}"
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return f"{where}: {what}{more}"


def _what(message: str) -> str:
    """Pydantic's words in those of the contract."""
    if "match pattern" in message:
        return next((words for pattern, words in _FORMS.items() if pattern in message), "has the wrong form")
    words = _INSTANCE.sub("", message.removeprefix("Value error, ").replace("Input should be", "must be"))
    return words.replace("a valid dictionary", "an object").replace("valid ", "")


def shown(value: Any) -> str:
    """A value for a message: its kind, and its start where it is text or a number."""
    kind = "null" if value is None else _KINDS.get(type(value), type(value).__name__)
    if isinstance(value, str | int | float):
        text = repr(value)
        return f"{kind} ({text if len(text) <= SHOWN else text[:SHOWN] + '…'})"
    return kind
