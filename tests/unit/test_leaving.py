"""A worker that was told to end does, also where Faust does not."""

import asyncio
from typing import Any

import pytest

from handrail.streams.engine import fatal, worker


class App:
    """Faust, as far as it is stopped."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    async def stop(self) -> None:
        await asyncio.sleep(self._seconds)


async def test_faust_that_waits_for_ever_is_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def end(status: int) -> None:
        raise SystemExit(status)

    monkeypatch.setattr(fatal.os, "_exit", end)
    monkeypatch.setattr(worker, "LEAVE_S_MAX", 0.05)
    stuck: Any = App(3600)
    with pytest.raises(SystemExit) as ended:
        await worker._leave(stuck)
    assert ended.value.code == 0
    assert "everything that was folded is delivered" in capsys.readouterr().err


async def test_faust_that_stops_is_waited_for() -> None:
    fine: Any = App(0)
    await worker._leave(fine)
