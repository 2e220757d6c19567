"""The exported documents say of every sample what the code says of it."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from handrail.schemas import asyncapi, json_schema
from tests.golden.schemas.test_samples import read, samples

SCHEMAS = Path(__file__).resolve().parents[3] / "handrail" / "schemas"


def exported(record_type: str) -> Draft202012Validator:
    path = SCHEMAS / "json" / "records" / f"{json_schema.short(record_type)}.json"
    return Draft202012Validator(json.loads(path.read_text()))


@samples
def test_a_sample_is_valid_by_the_schema_of_its_type(sample: Path) -> None:
    event = read(sample)
    Draft202012Validator.check_schema(dict(exported(event["type"]).schema))
    assert [error.message for error in exported(event["type"]).iter_errors(event)] == []


@samples
def test_a_sample_without_a_field_that_must_be_there_is_not(sample: Path) -> None:
    event = read(sample)
    model = json_schema.TYPES[event["type"]]
    required = [field.alias or name for name, field in model.model_fields.items() if field.is_required()]
    for name in required:
        poorer = copy.deepcopy(event)
        del poorer["data"][name]
        assert not exported(event["type"]).is_valid(poorer), name


def test_a_value_of_another_kind_is_not_valid() -> None:
    event = read(SCHEMAS / "samples" / "v1" / "llm.completed.json")
    event["data"]["usage"]["input_tokens"] = "12"
    assert not exported(event["type"]).is_valid(event)


@pytest.fixture
def document() -> Any:
    return yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text())


def test_the_asyncapi_document_refers_only_to_what_is_there(document: Any) -> None:
    for reference in references(document):
        if reference.startswith("#/"):
            target = document
            for part in reference[2:].split("/"):
                target = target[part]
        else:
            assert (SCHEMAS / reference).is_file(), reference


def test_every_type_that_travels_is_on_one_topic(document: Any) -> None:
    travelling = [name for types in asyncapi.ON_TOPIC.values() for name in types]
    assert sorted(travelling) == sorted(set(json_schema.TYPES) - {"handrail.deadletter.v1"})
    assert {channel["address"] for channel in document["channels"].values()} == set(asyncapi.ON_TOPIC)


def references(node: Any) -> list[str]:
    """Every $ref in it."""
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [name for part in node.values() for name in references(part)]
    return [name for part in node for name in references(part)] if isinstance(node, list) else []
