"""The fold compiled (infra/compile.py) gives byte for byte what its sources give. Needs a C compiler."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.infra import ROOT

MUTANTS = 10_000
BUILD_S = 900

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler"),
    pytest.mark.timeout(BUILD_S + 300),
]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the whole package, its fold compiled."""
    folder = tmp_path_factory.mktemp("compiled")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    asked = {**os.environ, "HATCH_BUILD_HOOK_ENABLE_CUSTOM": "true"}
    built = subprocess.run(command, env=asked, capture_output=True, text=True, timeout=BUILD_S, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    (wheel,) = folder.glob("handrail-*.whl")
    assert "none-any" not in wheel.name  # it is for this machine's kind alone
    with ZipFile(wheel) as packed:
        packed.extractall(folder / "there")
    assert (folder / "there" / "handrail" / "py.typed").is_file()
    return folder / "there"


def digest(*folders: Path) -> tuple[Path, int, str]:
    """(file of the fold, records, digest) with the package in the first of these folders that has it."""
    path = os.pathsep.join(map(str, folders))
    command = [sys.executable, "-P", "-m", "tests.compiled.digest", str(MUTANTS)]
    run = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    file, records, hexdigest = run.stdout.split()
    return Path(file), int(records), hexdigest


def test_it_decides_and_remembers_the_same(build: Path) -> None:
    compiled, source = digest(build, ROOT), digest(ROOT)
    assert (compiled[0].is_relative_to(build), compiled[0].suffix) == (True, ".so")
    assert source[0].suffix == ".py"
    assert source[1] >= MUTANTS
    assert compiled[1:] == source[1:]


FAILING = """
from handrail.schemas.errors import FoldError
from handrail.streams.governor.events import HANDLERS
from tests.broken import failing
from tests.unit.governor.test_broken import new_fold
from tests.log import Log

log = Log("conv-odd")
log.proposes("get_order", event_id="odd", order_id="#1")
for event_type, handler in HANDLERS.items():
    HANDLERS[event_type] = failing(handler, "odd")
try:
    new_fold().fold(log.records)
except FoldError as error:
    print(type(error.__cause__).__name__, error.offset)
"""


def test_broken_code_stops_at_its_record_with_the_cause(build: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{build}{os.pathsep}{ROOT}"}
    run = subprocess.run(
        [sys.executable, "-P", "-c", FAILING], env=environment, capture_output=True, text=True, check=False
    )
    assert run.stdout == "ZeroDivisionError 0\n", run.stderr
