"""Every page of the documentation does what it says: its files are written and its commands run, word for word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from handrail.broker.ports import free_port
from tests.docs.pages import Command, script, steps

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
RUNNABLE = [page for page in PAGES if any(isinstance(step, Command) for step in steps(page.read_text()))]
PAGE_S_MAX = 240


@pytest.mark.kafka
@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: page.stem)
def test_a_page_can_be_followed_word_for_word(page: Path, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HANDRAIL_BOOTSTRAP": address,
        "HANDRAIL_EMBEDDED": "true",
        "HANDRAIL_HTTP_PORT": "0",
        "COLUMNS": "120",
    }
    done = subprocess.run(
        ["bash", "-c", script(page)], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PAGE_S_MAX
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_the_pages_that_are_promised_are_there_and_run() -> None:
    assert {"agents", "analysts", "humans", "operators"} <= {page.stem for page in RUNNABLE}
