"""Processes that are kept running, with shells in their place."""

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from handrail.schemas.errors import ConfigError, EngineError
from handrail.supervisor.crew import Crew, Member, RestartLimit

LIMIT = RestartLimit(restarts_max=2, window_s=60, first_s=0.01)
READY = "echo ready: here; "
SECONDS_MAX = 20


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def crew(told: list[str]) -> Iterator[Crew]:
    found = Crew(LIMIT, dict(os.environ), told.append)
    yield found
    found.kill()


def hire(crew: Crew, folder: Path, name: str, script: str) -> Member:
    member = crew.members[name] = Member(name, ["/bin/sh", "-c", script], folder / f"{name}.log")
    return member


async def tended(crew: Crew, until: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not until():
            crew.tend()
            await asyncio.sleep(0.005)


async def test_all_are_ready_when_each_has_said_so(crew: Crew, tmp_path: Path) -> None:
    hire(crew, tmp_path, "one", READY + "exec sleep 60")
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    hire(crew, tmp_path, "other", f"read -r _ < {gate}; {READY}exec sleep 60")
    await tended(crew, lambda: bool(crew.members["one"].child and crew.members["one"].child.ready_line))
    assert not crew.ready
    gate.write_text("go\n")
    await tended(crew, lambda: crew.ready)


async def test_what_was_killed_is_started_again_and_it_is_said_why(crew: Crew, tmp_path: Path, told: list[str]) -> None:
    member = hire(crew, tmp_path, "worker-1", READY + "echo 'what it did last' >&2; exec sleep 60")
    await tended(crew, lambda: member.reported)
    assert member.child is not None
    first = member.child.pid
    os.kill(first, signal.SIGKILL)
    await tended(crew, lambda: bool(told) and crew.ready and member.reported)
    assert member.child.pid != first
    assert told == [
        "handrail up: worker-1 was killed by SIGKILL: what it did last: starting it again in 0.01 s (1 of 2 times)",
        "handrail up: worker-1 is ready again",
    ]


async def test_what_ends_again_and_again_is_given_up_with_its_last_line_and_log(crew: Crew, tmp_path: Path) -> None:
    hire(crew, tmp_path, "sink", "echo 'the disk is full' >&2; exit 1")
    with pytest.raises(EngineError) as given_up:
        await tended(crew, lambda: False)
    assert str(given_up.value) == (
        "handrail up: sink ended 3 times within 60 s, given up; the last time it ended with status 1: "
        f"the disk is full; its log: {tmp_path / 'sink.log'}"
    )


async def test_wrong_use_is_not_tried_again(crew: Crew, tmp_path: Path, told: list[str]) -> None:
    hire(crew, tmp_path, "sink", "echo 'what is wrong, and what to do' >&2; exit 2")
    with pytest.raises(ConfigError, match=r"^what is wrong, and what to do$"):
        await tended(crew, lambda: False)
    assert told == []


async def test_what_was_ready_once_is_not_wrong_use_later(crew: Crew, tmp_path: Path, told: list[str]) -> None:
    member = hire(crew, tmp_path, "sink", f"{READY} read -r _ < {tmp_path / 'gate'}; exit 2")
    os.mkfifo(tmp_path / "gate")
    await tended(crew, lambda: member.proven)
    (tmp_path / "gate").write_text("go\n")
    await tended(crew, lambda: bool(told))
    assert "ended with status 2: it said nothing: starting it again" in told[0]


async def test_an_end_that_was_asked_for_is_no_reason_to_start_again(
    crew: Crew, tmp_path: Path, told: list[str]
) -> None:
    member = hire(crew, tmp_path, "sink", READY + "exec sleep 60")
    await tended(crew, lambda: crew.ready)
    await crew.end(["sink"], signal.SIGTERM, SECONDS_MAX)
    crew.tend()
    assert member.child is None
    assert told == []
    crew.start_all()
    await tended(crew, lambda: crew.ready)


async def test_what_does_not_end_is_killed(crew: Crew, tmp_path: Path, told: list[str]) -> None:
    member = hire(crew, tmp_path, "sink", f"trap '' TERM; {READY} while :; do sleep 0.05; done")
    await tended(crew, lambda: crew.ready)
    assert member.child is not None
    child = member.child
    await crew.end(["sink"], signal.SIGTERM, 0.1)
    assert child.end == "was killed by SIGKILL"
    assert told == [f"handrail up: sink did not end within 0.1 s: killed; see {member.log}"]
