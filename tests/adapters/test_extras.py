"""Each adapter needs its own framework and the base install, and names the extra to install where it is missing."""

import ast
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, requires
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from handrail.adapters import adapters

FOLDER = Path(__file__).resolve().parents[2] / "handrail" / "adapters"
ADAPTERS = dict(adapters())


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def direct(distribution: str, extra: str = "") -> set[str]:
    """The distributions that one requires, with or without one of its extras."""
    try:
        texts = requires(distribution) or ()
    except PackageNotFoundError:
        return set()
    requirements = [Requirement(text) for text in texts]
    return {
        canonical(requirement.name)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra})
    }


@cache
def closure(extra: str) -> frozenset[str]:
    """All distributions that `handrail[extra]` installs."""
    todo, done = list(direct("handrail", extra)), set()
    while todo:
        if (name := todo.pop()) not in done:
            done.add(name)
            todo += direct(name)
    return frozenset(done)


def imports(path: Path) -> set[str]:
    """The packages outside of the standard library and Handrail that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names - sys.stdlib_module_names - {"handrail"}


def path_of(module: str) -> Path:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


def python(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


def test_every_module_that_imports_a_framework_is_an_entry_point() -> None:
    with_framework = {path for path in FOLDER.glob("*.py") if imports(path)}
    assert {path_of(module) for module in ADAPTERS.values()} == with_framework


def test_every_adapter_is_run_by_the_tests_of_all_adapters() -> None:
    modules = {module.removeprefix("handrail.adapters.") for module in ADAPTERS.values()}
    assert {path.stem.removeprefix("on_") for path in Path(__file__).parent.glob("on_*.py")} == {*modules, "plain"}


@pytest.mark.parametrize("extra", ADAPTERS)
def test_an_adapter_imports_its_own_framework_and_the_base_install(extra: str) -> None:
    of_package = packages_distributions()
    imported = {canonical(of_package[name][0]) for name in imports(path_of(ADAPTERS[extra]))}
    assert imported <= closure(extra)
    frameworks_of_others = set().union(*(direct("handrail", other) for other in ADAPTERS if other != extra))
    assert not imported & (frameworks_of_others - direct("handrail", extra))


@pytest.mark.parametrize("extra", ADAPTERS)
def test_a_missing_framework_is_named_with_the_extra_that_brings_it(extra: str) -> None:
    module = ADAPTERS[extra]
    refused = sorted(imports(path_of(module)))
    done = python(f"import sys; sys.modules.update(dict.fromkeys({refused!r})); import {module}")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: handrail.adapters: ")
    assert last.endswith(f'pip install "handrail[{extra}]"')


def test_the_sdk_and_the_shared_modules_need_no_framework() -> None:
    refused = sorted(set().union(*(imports(path_of(module)) for module in ADAPTERS.values())))
    shared = sorted({path.stem for path in FOLDER.glob("*.py") if not imports(path)} - {"__init__"})
    modules = ", ".join(["handrail.client", *(f"handrail.adapters.{name}" for name in shared)])
    done = python(f"import sys; sys.modules.update(dict.fromkeys({refused!r})); import {modules}")
    assert (done.returncode, done.stderr) == (0, "")
