"""The data folder belongs to one `up` at a time, and remembers the last."""

from pathlib import Path

import pytest

from handrail.schemas.errors import ConfigError
from handrail.supervisor.folder import FILE, Run, claimed, running

RUN = Run(4711, "127.0.0.1:9092", True, "embedded-1", {"sink": "127.0.0.1:9464"})


def test_two_at_a_time_are_refused_in_one_line(tmp_path: Path) -> None:
    with claimed(tmp_path) as claim:
        claim.note(RUN)
        with pytest.raises(ConfigError) as refused, claimed(tmp_path):
            pass
    assert str(refused.value) == (
        f"{tmp_path}: another `handrail up` (process 4711, broker 127.0.0.1:9092) runs on this folder: "
        "end it, or give another one with --data"
    )


def test_the_next_one_learns_of_the_last(tmp_path: Path) -> None:
    with claimed(tmp_path / "new") as claim:
        assert claim.last is None
        claim.note(RUN)
    with claimed(tmp_path / "new") as claim:
        assert claim.last == RUN


def test_a_start_that_fails_forgets_nothing(tmp_path: Path) -> None:
    with claimed(tmp_path) as claim:
        claim.note(RUN)
    with pytest.raises(ConfigError, match="the port is taken"), claimed(tmp_path):
        raise ConfigError("the port is taken")
    with claimed(tmp_path) as claim:
        assert claim.last is not None
        assert (claim.last.cluster_id, claim.last.embedded) == ("embedded-1", True)


def test_others_see_whether_one_runs(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    with claimed(tmp_path) as claim:
        claim.note(RUN)
        assert running(tmp_path) == RUN
    assert running(tmp_path) is None


def test_a_broken_note_is_no_note(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"pid": 1, "of another": "version"}')
    with claimed(tmp_path) as claim:
        assert claim.last is None


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with (
        pytest.raises(ConfigError, match="give --data a folder that can be written"),
        claimed(tmp_path / "taken" / "x"),
    ):
        pass
