"""What the audit records, and what it never does."""

from pathlib import Path
from typing import Any

import pytest

from handrail.desk.web.security import SecuritySettings
from handrail.desk.web.security.parts import record
from tests.unit.desk.security.served import OTHER_PASSWORD, PASSWORD, Browser, Served, served


def test_a_day_at_the_desk(desk: Served, browser: Browser) -> None:
    browser.login("anna", OTHER_PASSWORD)
    browser.login("anna")
    browser.act(path="/approve")
    browser.act(path="/logout")
    assert [(kind, person) for kind, person, _ in desk.audit.lines] == [
        ("login.failed", "anna"),
        ("login", "anna"),
        ("forbidden", "anna"),
        ("logout", "anna"),
    ]


def test_no_password_token_or_cookie_is_recorded(desk: Served, browser: Browser) -> None:
    browser.login("anna", OTHER_PASSWORD)
    browser.login("anna")
    me, secret, login_cookie = browser.me(), browser.cookie(), browser.cookie("handrail-login")
    assert me is not None
    browser.send_form("/act", {"csrf": "wrong"})
    browser.act(path="/logout")
    told = repr(desk.audit.lines)
    for hidden in (PASSWORD, OTHER_PASSWORD, me["csrf"], secret, login_cookie):
        assert hidden is None or hidden not in told


async def test_it_may_be_a_coroutine() -> None:
    told: list[Any] = []

    async def audit(kind: str, person: str | None, detail: dict[str, Any]) -> None:
        told.append((kind, person, detail))

    await record(audit, "login", "anna", method="local")
    assert told == [("login", "anna", {"method": "local"})]


def test_where_it_fails_nobody_is_let_in(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(SecuritySettings.of({}), data) as up, Browser(up.url) as one:

        def broken(self: Any, kind: str, person: str | None, detail: dict[str, Any]) -> None:
            raise OSError("the log is away")

        monkeypatch.setattr(type(up.audit), "__call__", broken)
        assert one.login("anna").status_code == 500
        assert one.me() is None
