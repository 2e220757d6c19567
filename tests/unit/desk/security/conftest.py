"""A desk on loopback with a few local users."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from handrail.desk.web.security import SecuritySettings, passwords
from tests.unit.desk.security.served import Browser, Served, served, write_users


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No handrail.yaml of the checkout counts."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def hasher(monkeypatch: pytest.MonkeyPatch) -> PasswordHasher:
    """The hasher of the desk, which is slow on purpose; tests have a quick one in its place."""
    real = passwords._HASHER
    monkeypatch.setattr(passwords, "_HASHER", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    return real


@pytest.fixture
def data(elsewhere: Path) -> Path:
    """The folder of a desk with the users anna, ben, cleo, dan and eve."""
    folder = elsewhere / "data"
    users = {"anna": ["agent"], "ben": ["approver"], "cleo": ["reader"], "dan": ["revealer"], "eve": ["admin"]}
    write_users(folder / "desk-users.json", **users)
    return folder


@pytest.fixture
def desk(data: Path) -> Iterator[Served]:
    """That desk."""
    with served(SecuritySettings.of({"desk_logins_per_min": 1_000}), data) as up:
        yield up


@pytest.fixture
def browser(desk: Served) -> Iterator[Browser]:
    """Nobody has logged in with it yet."""
    with Browser(desk.url) as one:
        yield one


@pytest.fixture
def anna(browser: Browser) -> Browser:
    """anna, an agent, has logged in."""
    assert browser.login("anna").status_code == 303
    return browser
