"""Folders as people name them."""

from pathlib import Path

import pytest

from handrail.schemas.errors import SinkError
from handrail.streams.sink.store import Store


@pytest.mark.parametrize("name", ["q[1]*'%", "with space", "Kühlschrank", "semi;colon", 'quo"te', "and&equals="])
def test_a_database_is_kept_in_a_folder_of_any_name(tmp_path: Path, name: str) -> None:
    store = Store.open(tmp_path / name / "handrail.duckdb")
    store.close()
    assert (tmp_path / name / "handrail.duckdb").exists()


@pytest.mark.parametrize("name", ["q?x", "what?"])
def test_a_question_mark_is_one_line_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(SinkError, match="for parameters: choose another folder"):
        Store.open(tmp_path / name / "data" / "handrail.duckdb")
    assert not (tmp_path / name).exists()
