"""One golden sample of each record type and version: whatever changes, they are read, and come out as they came in."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from handrail.schemas.canonical import canonical
from handrail.schemas.controls import CONTROLS
from handrail.schemas.decode import Decoded, decode, decode_output, decode_resolution
from handrail.schemas.errors import SchemaError
from handrail.schemas.events import EVENTS
from handrail.schemas.outputs import OUTPUTS
from handrail.schemas.resolutions import RESOLUTIONS

FOLDER = Path(__file__).resolve().parents[3] / "handrail" / "schemas" / "samples"
SAMPLES = sorted(FOLDER.glob("v*/*.json"))
KNOWN = {**EVENTS, **CONTROLS, **RESOLUTIONS, **OUTPUTS}

samples = pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")


def read(sample: Path) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(sample.read_text())
    return event


def reader(event_type: str) -> Callable[[bytes], Decoded]:
    if event_type in RESOLUTIONS:
        return decode_resolution
    return decode_output if event_type in OUTPUTS else decode


def test_every_record_type_has_a_sample_named_after_it() -> None:
    named = {f"handrail.{sample.stem}.{sample.parent.name}": read(sample)["type"] for sample in SAMPLES}
    assert all(name == written for name, written in named.items())
    assert set(named) == set(KNOWN)


@samples
def test_a_sample_is_read_and_comes_out_as_it_came_in(sample: Path) -> None:
    event = read(sample)
    decoded = reader(event["type"])(json.dumps(event).encode())
    written = decoded.event.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert canonical(written) == canonical(event)
    assert decoded.raw == event


@samples
def test_a_sample_fills_every_field_that_the_code_knows(sample: Path) -> None:
    event = read(sample)
    model = KNOWN[event["type"]]
    fields = {field.alias or name for name, field in model.model_fields.items()}
    sometimes = {"repeat", "recorded", "enforcement"} if event["type"] in OUTPUTS else set()
    assert fields - sometimes <= set(event["data"])


@samples
def test_unknown_fields_survive(sample: Path) -> None:
    event = read(sample)
    event["x_extension"] = "kept"
    event["data"]["x_unknown"] = {"kept": [1, 2.5, None]}
    decoded = reader(event["type"])(json.dumps(event).encode())
    assert canonical(decoded.event.model_dump(mode="json", by_alias=True, exclude_unset=True)) == canonical(event)


@samples
def test_records_cannot_be_changed(sample: Path) -> None:
    event = read(sample)
    decoded = reader(event["type"])(json.dumps(event).encode()).event
    with pytest.raises(ValidationError, match="frozen"):
        decoded.id = "other"  # type: ignore[misc]
    for name in type(decoded.data).model_fields:
        with pytest.raises(ValidationError, match="frozen"):
            setattr(decoded.data, name, None)


def broken(event: dict[str, Any], model: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The event without one required field, and with that field of another type."""
    for name, field in model.model_fields.items():
        if not field.is_required():
            continue
        without, other = copy.deepcopy(event), copy.deepcopy(event)
        del without["data"][field.alias or name]
        other["data"][field.alias or name] = "yes" if field.annotation is bool else True
        yield field.alias or name, without
        if str(field.annotation) != "typing.Any":
            yield field.alias or name, other


@samples
def test_a_missing_or_mistyped_field_is_named(sample: Path) -> None:
    event = read(sample)
    for name, changed in broken(event, KNOWN[event["type"]]):
        with pytest.raises(SchemaError, match=rf"data\.{name}") as refused:
            reader(event["type"])(json.dumps(changed).encode())
        assert "\n" not in str(refused.value)
