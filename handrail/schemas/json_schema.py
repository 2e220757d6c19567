"""JSON Schema of every record: for writers of Handrail's records in other languages to validate against."""

from typing import Any

from pydantic import create_model

from handrail.schemas.controls import CONTROLS
from handrail.schemas.envelope import Envelope
from handrail.schemas.events import EVENTS
from handrail.schemas.fields import Shape
from handrail.schemas.outputs import OUTPUTS
from handrail.schemas.resolutions import RESOLUTIONS

DRAFT = "https://json-schema.org/draft/2020-12/schema"
TYPES: dict[str, type[Shape]] = {**EVENTS, **CONTROLS, **OUTPUTS, **RESOLUTIONS}
PREFIX = "handrail."


def short(record_type: str) -> str:
    """`handrail.action.proposed.v1` as `action.proposed.v1`."""
    return record_type.removeprefix(PREFIX)


def of(record_type: str) -> dict[str, Any]:
    """The schema of the whole event: envelope, with the type as a constant, and data."""
    data = TYPES[record_type]
    model = create_model(data.__name__ + "Event", __base__=Envelope, __doc__=data.__doc__, data=data)
    schema = model.model_json_schema(by_alias=True)
    schema["properties"]["type"] = {"const": record_type}
    _untitled(schema)
    return {"$schema": DRAFT, "$id": f"urn:handrail:{record_type}", "title": record_type, **schema}


def _untitled(schema: Any) -> None:
    """Drop pydantic's titles: they repeat the names of classes and fields."""
    if isinstance(schema, dict):
        if isinstance(schema.get("title"), str):
            del schema["title"]
        for part in schema.values():
            _untitled(part)
    elif isinstance(schema, list):
        for part in schema:
            _untitled(part)
