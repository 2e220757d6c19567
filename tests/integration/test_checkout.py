"""A checkout without symbolic links, as some systems make it, runs both commands: the real folders are in handrail/."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra import ROOT

LINKS = ("policies", "schemas", "streams")
WITHOUT_BROKER = (
    "tests/unit",
    "tests/golden",
    "tests/docs/test_bounds.py",
    "tests/docs/test_links.py",
)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed files, where a link is a file that holds the place it leads to."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("needs git, and a checkout that is a repository")
    folder = tmp_path_factory.mktemp("checkout") / "handrail"
    command = ["git", "-c", "core.symlinks=false", "clone", "--quiet", "--config", "core.symlinks=false"]
    subprocess.run([*command, str(ROOT), str(folder)], check=True, timeout=120)
    if (ROOT.parent / "shared").is_dir():
        (folder.parent / "shared").symlink_to(ROOT.parent / "shared")
    return folder


def made(checkout: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """`make WORDS` with what is installed here already."""
    installed = Path(sys.prefix)
    command = ["make", f"VENV={installed}", f"--assume-old={installed}/.installed", *words]
    environment = os.environ | {"PYTHONPATH": str(checkout)}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, timeout=600)


def test_links_are_links_here_and_files_there(checkout: Path) -> None:
    for name in LINKS:
        assert (ROOT / "handrail" / name / "__init__.py").is_file()
        assert (checkout / name).read_text() == f"handrail/{name}"


@pytest.mark.long
@pytest.mark.kafka
@pytest.mark.timeout(700)
def test_make_demo_runs(checkout: Path) -> None:
    done = made(checkout, "demo")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "ALERT divergence" in done.stdout


@pytest.mark.long
@pytest.mark.timeout(700)
def test_make_test_runs(checkout: Path) -> None:
    """Those tests that start no broker: the others read no file that the checkout could lack."""
    done = made(checkout, "test", "TESTERS=1", f"TESTS={' '.join(WITHOUT_BROKER)}")
    assert done.returncode == 0, done.stdout[-5000:]
