"""Streams of events end with their session."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.desk.security.served import Browser, Served, write_users


def logout(desk: Served, browser: Browser, data: Path) -> None:
    with Browser(browser.url) as same:
        same.cookies.set("handrail-desk", browser.cookie() or "", domain="127.0.0.1", path="/")
        assert same.act(path="/logout").status_code == 303


def removed(desk: Served, browser: Browser, data: Path) -> None:
    write_users(data / "desk-users.json", ben=["reader"])


def idle(desk: Served, browser: Browser, data: Path) -> None:
    desk.clock.now_s += 1_801


def broken(desk: Served, browser: Browser, data: Path) -> None:
    (data / "desk-users.json").write_text("{")


@pytest.mark.parametrize("end", [logout, removed, idle, broken])
def test_no_event_comes_after_the_session_has_ended(
    desk: Served, data: Path, anna: Browser, end: Callable[[Served, Browser, Path], None]
) -> None:
    with anna.stream("GET", "/events", headers={"Accept": "text/event-stream"}) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: begun"
        desk.event("shown")
        assert [next(lines) for _ in range(2)] == ["", "data: shown"]
        end(desk, anna, data)
        desk.event("hidden")
        assert list(lines) == [""]


def test_an_open_stream_keeps_no_session_alive(desk: Served, anna: Browser) -> None:
    for _ in range(3):
        desk.clock.now_s += 11 * 60
        headers = {"Accept": "text/event-stream", "Sec-Fetch-Mode": "cors"}
        with anna.stream("GET", "/events", headers=headers) as answer:
            status = answer.status_code
    assert status == 401


def test_the_login_page_shares_nothing_with_who_is_out(browser: Browser) -> None:
    answer = browser.get("/events", headers={"Accept": "text/event-stream"})
    assert json.loads(answer.text) == {"error": "log in first"}
