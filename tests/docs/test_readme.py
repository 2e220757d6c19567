"""What the README shows of the demo is what the demo prints; only times, dates and figures of a run may differ."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).resolve().parents[2] / "README.md"
SHOWN = re.compile(r"^```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
DEMO_S_MAX = 200


def plain(line: str) -> str:
    """Without what differs from run to run."""
    return re.sub(r"[\d█░]+", "0", re.sub(r"\s+", " ", line)).strip()


@pytest.mark.kafka
def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    usual = {name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")}
    done = subprocess.run(
        [sys.executable, "-m", "handrail", "demo", "--data", "demo"],
        cwd=tmp_path,
        env=usual | {"COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=DEMO_S_MAX,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (block,) = SHOWN.findall(README.read_text())
    printed = {plain(line) for line in done.stdout.splitlines()}
    assert [line for line in block.splitlines() if line != "…" and plain(line) not in printed] == []
