"""Every page of the documentation does what it says: its files are written and its commands run, word for word."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from handrail.broker.ports import HOST, free_port, is_free
from tests.docs.pages import Command, script, steps

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
RUNNABLE = [page for page in PAGES if any(isinstance(step, Command) for step in steps(page.read_text()))]
ALWAYS = {"agents", "operators"}  # what a newcomer follows first; the others run with the long tests
PAGE_S_MAX = 240
KAFKA, SINK_HTTP, WORKER_HTTP, DESK = 9092, 9464, 9465, 9470  # where `handrail up` is when nobody says otherwise


def here(text: str, kafka: int, http: int, desk: int) -> str:
    """The page's commands at ports that are free."""
    for usual, port in ((KAFKA, kafka), (SINK_HTTP, http), (WORKER_HTTP, http + 1), (DESK, desk)):
        text = text.replace(f"{HOST}:{usual}", f"{HOST}:{port}")
    return text


def two_free() -> int:
    """A free port with a free one behind it."""
    while not is_free((port := free_port()) + 1):
        pass
    return port


@pytest.mark.kafka
@pytest.mark.parametrize(
    "page",
    [pytest.param(page, marks=[] if page.stem in ALWAYS else pytest.mark.long, id=page.stem) for page in RUNNABLE],
)
def test_a_page_can_be_followed_word_for_word(page: Path, tmp_path: Path) -> None:
    kafka, http, desk = free_port(), two_free(), free_port()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HANDRAIL_BOOTSTRAP": f"{HOST}:{kafka}",
        "HANDRAIL_EMBEDDED": "true",
        "HANDRAIL_HTTP_PORT": str(http),
        "HANDRAIL_DESK_PORT": str(desk),
        "COLUMNS": "120",
    }
    done = subprocess.run(
        ["bash", "-c", here(script(page), kafka, http, desk)],
        cwd=tmp_path,
        env=environment,
        timeout=PAGE_S_MAX,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def test_the_pages_that_are_promised_are_there_and_run() -> None:
    assert {"agents", "analysts", "humans", "operators"} <= {page.stem for page in RUNNABLE}
