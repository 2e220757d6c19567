"""The page on the recorded conversations says what the code says today."""

from pathlib import Path

from benchmarks.report.__main__ import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "recorded.md"


def test_the_page_on_the_recorded_conversations_is_as_the_command_makes_it(shared: Path) -> None:
    made = page(shared / "data" / "tau_trajectories")
    assert PAGE.read_text() == made, "run `python -m benchmarks.report > docs/recorded.md` and look at what changed"
