"""A file that many open first at the same moment is opened by all of them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from handrail.client.durable import opened, transaction

AT_ONCE, FILES = 8, 40


def test_many_open_a_new_file_at_the_same_moment(tmp_path: Path) -> None:
    together = Barrier(AT_ONCE)

    def open_and_write(path: Path) -> None:
        together.wait()
        file = opened(path, "CREATE TABLE IF NOT EXISTS told (by)", 10)
        with transaction(file):
            file.execute("INSERT INTO told VALUES (1)")
        file.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for number in range(FILES):
            list(pool.map(open_and_write, [tmp_path / f"{number}.db"] * AT_ONCE))
    file = opened(tmp_path / f"{FILES - 1}.db", "", 1)
    assert file.execute("SELECT count(*) FROM told").fetchone() == (AT_ONCE,)
