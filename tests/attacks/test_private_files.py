"""Nobody else on the machine reads the database, its log, snapshots, claims, logs or keys."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.doctor.data_folder import check_private
from handrail.private import loose, tightened
from handrail.streams.sink.database import LIVE
from handrail.streams.sink.reading import ask_live
from handrail.streams.sink.store import Store
from tests.integration.test_live import COUNT
from tests.integration.test_sink import publish, talk
from tests.sinks import Sink
from tests.topics import Wire


@pytest.fixture(autouse=True)
def lenient() -> Iterator[None]:
    """As on machines where what one makes may be read by all."""
    mask = os.umask(0o022)
    yield
    os.umask(mask)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.kafka
async def test_a_sink_lets_nobody_read_along(embedded: str, tmp_path: Path) -> None:
    one = Sink(embedded, tmp_path)
    try:
        one.data.chmod(0o755)
        one.wait_ready()
        async with Wire(embedded) as wire:
            await publish(wire, talk(5))
        one.wait_until(lambda: ask_live(one.data, COUNT).rows == [(25,)])
        one.wait_until(lambda: (one.data / "handrail.snapshot.duckdb").exists())
        found = [path for path in one.data.rglob("*") if path.exists()]
        assert {path.name for path in found} >= {LIVE, "handrail.snapshot.duckdb", "handrail.live.json"}
        assert {oct(mode(path)) for path in found if path.is_file()} == {"0o600"}
    finally:
        one.kill()


def test_a_folder_that_is_made_is_its_owners_alone_and_old_files_are_tightened(tmp_path: Path) -> None:
    Store.open(tmp_path / "data" / LIVE).close()
    assert mode(tmp_path / "data") == 0o700
    (tmp_path / "data" / LIVE).chmod(0o644)
    (tmp_path / "data" / "handrail.snapshot.duckdb").write_bytes(b"")
    Store.open(tmp_path / "data" / LIVE).close()
    assert mode(tmp_path / "data" / LIVE) == mode(tmp_path / "data" / "handrail.snapshot.duckdb") == 0o600


def test_what_is_not_ours_to_change_is_left(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_text("x")
    (tmp_path / "theirs").chmod(0o644)
    (tmp_path / "link").symlink_to(tmp_path / "theirs")
    tightened(tmp_path / "link")
    tightened(tmp_path / "nothing")
    assert mode(tmp_path / "theirs") == 0o644


def test_doctor_names_what_others_may_read_and_the_command(tmp_path: Path) -> None:
    data = tmp_path / "my data"
    data.mkdir(mode=0o700)
    (data / "signing.key.pub").write_text("for all")
    assert check_private(data).status == "ok"
    (data / "logs").mkdir()
    (data / "logs" / "sink.log").write_text("x")
    line = check_private(data)
    assert (line.status, line.remedy) == ("warn", f"run `chmod -R go= '{data}'`")
    assert "logs and 1 more: others on this machine may read it" in line.message
    assert os.system(str(line.remedy).removeprefix("run `").removesuffix("`")) == 0
    assert check_private(data).status == "ok"
    assert list(loose(data)) == []
