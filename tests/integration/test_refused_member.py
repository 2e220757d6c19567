"""A group that does not take a worker for good: it ends with one line, in place of waiting for partitions for ever."""

from pathlib import Path

import pytest

from tests.workers import Worker


@pytest.mark.kafka
@pytest.mark.apache
def test_a_session_that_the_broker_does_not_allow_ends_the_worker(apache: str, tmp_path: Path) -> None:
    """The brokers of tests allow 1 to 600 s."""
    one = Worker(apache, tmp_path / "worker.log", "--session-timeout-s", "700")
    try:
        assert one.process.wait(30) == 1
        last = one.said().strip().splitlines()[-1]
    finally:
        one.kill()
    assert last.startswith("handrail worker: stopped: group handrail-")
    assert "no session of 700 s: set --session-timeout-s to what group.min.session.timeout.ms" in last
