"""The documents that are made from the code: `python -m handrail.documents` writes them, `--check` compares.

JSON Schemas and AsyncAPI of the records, JSON Schemas of the policy files, and the reference of the command line.
"""

import sys
from importlib.metadata import version
from pathlib import Path

import orjson
import yaml

from handrail.cli import reference
from handrail.policies import json_schema as policy_schema
from handrail.schemas import asyncapi, json_schema

ROOT = Path(__file__).resolve().parents[1]
RECORDS = "handrail/schemas/json/records"
POLICIES = "handrail/policies/json"
ASYNCAPI = "handrail/schemas/asyncapi.yaml"


def documents() -> dict[str, str]:
    """The text of each document, by its path in the project."""
    made = {f"{RECORDS}/{json_schema.short(name)}.json": _json(json_schema.of(name)) for name in json_schema.TYPES}
    made |= {f"{POLICIES}/{kind}.json": _json(policy_schema.of(kind)) for kind in policy_schema.KINDS}
    made[ASYNCAPI] = yaml.safe_dump(asyncapi.document(version("handrail")), sort_keys=False, width=120)
    made["docs/cli.md"] = reference.page()
    return made


def stale(root: Path = ROOT) -> list[str]:
    """The paths that are not as the code says, or that no code makes any more."""
    made = documents()
    there = {path.relative_to(root).as_posix() for folder in (RECORDS, POLICIES) for path in (root / folder).glob("*")}
    wrong = [path for path, text in made.items() if not (root / path).is_file() or (root / path).read_text() != text]
    return sorted({*wrong, *(there - made.keys())})


def write(root: Path = ROOT) -> None:
    """Every document is as the code says; what no code makes any more is gone."""
    made = documents()
    for path in stale(root):
        if path not in made:
            (root / path).unlink()
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(made[path])


def _json(value: object) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def main() -> None:
    """Write, or with `--check` say what is stale and end with 1."""
    if "--check" not in sys.argv[1:]:
        write()
        return
    if wrong := stale():
        sys.exit(f"stale: {', '.join(wrong)}: run `make docs`")


if __name__ == "__main__":
    main()
