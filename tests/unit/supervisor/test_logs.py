"""The children's logs: appended to, bounded, and quoted."""

from pathlib import Path

from handrail.supervisor import child
from handrail.supervisor.child import last_line, open_log


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "sink.log"
    for text in (b"first\n", b"second\n"):
        with open_log(path) as file:
            file.write(text)
    assert path.read_bytes() == b"first\nsecond\n"


def test_a_large_log_is_moved_aside_in_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "sink.log"
    for fill in (b"a", b"b"):
        path.write_bytes(fill * (child.BYTES_MAX + 1))
        open_log(path).close()
    assert path.read_bytes() == b""
    assert path.with_name("sink.log.1").read_bytes()[:1] == b"b"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["sink.log", "sink.log.1"]


def test_the_last_line_is_of_this_life_and_tells_something(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_text("of an earlier life\n")
    since = path.stat().st_size
    assert last_line(path, since) == ""
    with path.open("a") as file:
        file.write("what went wrong\nready: worker\n\n")
    assert last_line(path, since) == "what went wrong"


def test_a_line_that_is_shown_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_text("x" * 1_000_000)
    assert len(last_line(path, 0)) == child.LINE_MAX


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    open_log(tmp_path / "desk.log").close()
    assert (tmp_path / "desk.log").stat().st_mode & 0o077 == 0
