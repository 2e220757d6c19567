"""What infra/compile.py lists: each module of the governor is compiled, or it is said here why it is not."""

import ast
from pathlib import Path

import pytest

from tests.infra import ROOT

ROOMS = {"GOVERNOR": "streams/governor", "POLICIES": "policies", "SCHEMAS": "schemas"}
PLAIN = {
    "agent_identity": "a few look-ups for each record; compiled it was never measured",
    "alerts": "runs where an alert is raised",
    "classify": "runs for queries",
    "deadletters": "runs for records that cannot be read, and where the fold breaks",
    "facts": "runs where tools.yaml takes facts; compiled it was never measured",
    "handoff": "runs where a handoff is opened, changed or closed",
    "handoff_body": "runs where a handoff is opened or changed",
    "news": "runs while a handoff is open",
    "redaction": "a package; runs for texts that are shown or sent; compiled it was never measured",
    "replay": "reads a file; no worker runs it",
    "snapshot": "runs once a day",
    "sums": "runs where a rule counts several actions; compiled it was never measured",
    "trust": "runs for control records and answers of people",
}


def listed(name: str) -> tuple[str, ...]:
    """A tuple of infra/compile.py; the module itself needs the libraries that build wheels."""
    for node in ast.parse((ROOT / "infra" / "compile.py").read_text()).body:
        if isinstance(node, ast.Assign) and any(isinstance(at, ast.Name) and at.id == name for at in node.targets):
            names: tuple[str, ...] = ast.literal_eval(node.value)
            return names
    raise AssertionError(f"infra/compile.py: no {name}")


def has_struct(module: Path) -> bool:
    """Whether a class in it is made from msgspec.Struct."""
    return any(
        isinstance(node, ast.ClassDef) and any(ast.unparse(base) in ("msgspec.Struct", "Struct") for base in node.bases)
        for node in ast.walk(ast.parse(module.read_text()))
    )


def governor() -> set[str]:
    """Its modules and packages that mypyc could compile: those without a msgspec.Struct."""
    folder = ROOT / "handrail" / ROOMS["GOVERNOR"]
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return packages | {path.stem for path in folder.glob("*.py") if path.stem != "__init__" and not has_struct(path)}


def test_every_module_of_the_governor_is_compiled_or_has_a_reason_not_to_be() -> None:
    compiled = set(listed("GOVERNOR"))
    assert compiled & PLAIN.keys() == set()
    assert compiled | PLAIN.keys() == governor()


@pytest.mark.parametrize("name", ROOMS)
def test_what_is_compiled_is_there_once_and_has_no_struct(name: str) -> None:
    modules = [ROOT / "handrail" / ROOMS[name] / f"{module}.py" for module in listed(name)]
    assert len(set(modules)) == len(modules)
    assert not [module.name for module in modules if has_struct(module)]
