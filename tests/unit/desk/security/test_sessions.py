"""Sessions: made at login, kept here, ended when they must."""

import json
import sqlite3
from pathlib import Path

import pytest

from handrail.desk.web.security import SecuritySettings
from handrail.desk.web.security.sessions import PER_PERSON_MAX, Sessions
from handrail.desk.web.security.store import Store, new_secret
from handrail.schemas.errors import ConfigError
from tests.unit.desk.security.served import (
    OTHER_PASSWORD,
    PASSWORD,
    Browser,
    Clock,
    Served,
    form_token,
    kept,
    served,
    write_users,
)


def test_the_cookie_is_for_the_browser_alone(browser: Browser) -> None:
    answer = browser.login("anna")
    session = next(line for line in answer.headers.get_list("set-cookie") if line.startswith("handrail-desk="))
    assert session.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Lax"]
    assert len(session.split("; ")[0]) == len("handrail-desk=") + 43


def test_behind_tls_the_cookie_is_bound_to_host_and_tls(data: Path) -> None:
    with served(SecuritySettings.of({"desk_url": "https://desk.example.com"}), data) as up, Browser(up.url) as one:
        one.headers["Host"] = "desk.example.com"
        page = one.get("/login")
        [line] = page.headers.get_list("set-cookie")
        name, *flags = line.split("; ")
        assert name.startswith("__Host-handrail-login=")
        assert flags == ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"]


def test_an_id_that_was_there_before_login_is_never_the_session(desk: Served) -> None:
    planted = new_secret()
    with Browser(desk.url) as victim, Browser(desk.url) as attacker:
        victim.cookies.set("handrail-desk", planted, domain="127.0.0.1", path="/")
        assert victim.login("anna").status_code == 303
        attacker.cookies.set("handrail-desk", planted, domain="127.0.0.1", path="/")
        assert attacker.me() is None


def test_a_new_login_in_the_same_browser_has_a_new_id_and_ends_the_old(desk: Served, anna: Browser) -> None:
    before = anna.cookie()
    assert log_in_again(anna, "ben") == 303
    after = anna.cookie()
    assert after not in (None, "", before)
    assert before is not None
    with Browser(desk.url) as thief:
        thief.cookies.set("handrail-desk", before, domain="127.0.0.1", path="/")
        assert thief.me() is None


def log_in_again(browser: Browser, user: str) -> int:
    """Log in where somebody is in already, with a form that was open before."""
    with Browser(browser.url) as other:
        token, cookie = form_token(other.get("/login").text), other.cookie("handrail-login")
    assert cookie is not None
    browser.cookies.set("handrail-login", cookie, domain="127.0.0.1", path="/")
    return browser.send_form("/login", {"csrf": token, "user": user, "password": PASSWORD}).status_code


def test_only_a_hash_of_the_id_is_kept_in_a_file_of_the_owner(data: Path, anna: Browser) -> None:
    secret = anna.cookie()
    assert secret
    for file in data.glob("desk-sessions.db*"):
        assert file.stat().st_mode & 0o077 == 0
        assert secret.encode() not in file.read_bytes()


def test_a_session_survives_a_restart(data: Path) -> None:
    settings = SecuritySettings.of({})
    with served(settings, data) as up, Browser(up.url) as one:
        one.login("anna")
        secret, before = one.cookie(), one.me()
    assert secret is not None
    assert before is not None
    with served(settings, data) as up, Browser(up.url) as one:
        one.cookies.set("handrail-desk", secret, domain="127.0.0.1", path="/")
        assert one.me() == before


def test_without_a_click_it_ends(desk: Served, anna: Browser) -> None:
    desk.clock.now_s += 30 * 60 - 1
    assert anna.get("/").status_code == 200
    desk.clock.now_s += 30 * 60
    assert anna.me() is None
    [(person, detail)] = desk.audit.of("session.expired")
    assert (person, detail["why"]) == ("anna", "idle")


def test_what_the_page_fetches_by_itself_is_no_click(desk: Served, anna: Browser) -> None:
    for _ in range(3):
        desk.clock.now_s += 11 * 60
        answer = anna.get("/", headers={"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 401


def test_however_busy_it_ends_after_its_lifetime(desk: Served, anna: Browser) -> None:
    for _ in range(47):
        desk.clock.now_s += 15 * 60
        assert anna.get("/").status_code == 200
    desk.clock.now_s += 15 * 60
    assert anna.get("/").status_code == 303
    [(person, detail)] = desk.audit.of("session.expired")
    assert (person, detail["why"]) == ("anna", "age")


def test_one_that_nobody_comes_back_to_is_audited_too(desk: Served, anna: Browser) -> None:
    desk.clock.now_s += 3_600
    with Browser(desk.url) as somebody:
        somebody.get("/login")
    assert [(person, detail["why"]) for person, detail in desk.audit.of("session.expired")] == [("anna", "idle")]


def test_logout_ends_it_here_and_in_the_browser(desk: Served, anna: Browser) -> None:
    secret = anna.cookie()
    answer = anna.act(path="/logout")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login")
    assert "handrail-desk=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0" in answer.headers.get_list("set-cookie")
    assert anna.cookie() is None
    with Browser(desk.url) as thief:
        thief.cookies.set("handrail-desk", secret or "", domain="127.0.0.1", path="/")
        assert thief.me() is None
    assert [person for person, _ in desk.audit.of("logout")] == ["anna"]


def test_logout_is_not_to_be_had_by_a_link(anna: Browser) -> None:
    assert anna.get("/logout").status_code == 405
    assert anna.me() is not None


def test_who_is_removed_is_out_with_the_next_click(desk: Served, data: Path, anna: Browser) -> None:
    write_users(data / "desk-users.json", ben=["approver"])
    assert anna.act().status_code == 401
    assert desk.pages.done == []
    assert [detail["why"] for _, detail in desk.audit.of("session.expired")] == ["user removed"]
    write_users(data / "desk-users.json", anna=["agent"])
    assert anna.me() is None, "the session is gone, not asleep"


def test_another_password_ends_all_sessions_of_the_person(desk: Served, data: Path, anna: Browser) -> None:
    file = data / "desk-users.json"
    with Browser(desk.url) as ben:
        ben.login("ben")
        told = json.loads(file.read_text())
        told["users"][0]["password"] = kept(OTHER_PASSWORD)
        file.write_text(json.dumps(told))
        assert anna.me() is None
        assert ben.me() is not None
    assert [(person, detail["why"]) for person, detail in desk.audit.of("session.expired")] == [
        ("anna", "password changed")
    ]


def test_roles_are_those_of_now(data: Path, anna: Browser) -> None:
    assert anna.act(path="/approve").status_code == 403
    write_users(data / "desk-users.json", anna=["approver"])
    assert anna.act(path="/approve").status_code == 200
    assert anna.act().status_code == 403


def test_a_users_file_that_cannot_be_read_lets_nobody_in(desk: Served, data: Path, anna: Browser) -> None:
    file = data / "desk-users.json"
    whole = file.read_text()
    file.write_text(whole[:40])
    assert anna.get("/").status_code == 503
    with Browser(desk.url) as ben:
        assert ben.login("ben").status_code == 503
    file.write_text(whole)
    assert anna.get("/").status_code == 200


def test_two_cookies_of_the_name_are_none(anna: Browser) -> None:
    pair = f"handrail-desk={anna.cookie()}"
    assert anna.get("/api/me", headers={"Cookie": pair}).status_code == 200
    assert anna.get("/api/me", headers={"Cookie": f"{pair}; handrail-desk=x"}).status_code == 401


@pytest.mark.parametrize("secret", ["", "x", "' OR 1=1 --", "x" * 43, "\u00e9" * 43, "x" * 20_000])
def test_an_id_that_was_never_given_is_nobody(desk: Served, secret: str) -> None:
    with Browser(desk.url) as one:
        answer = one.get("/api/me", headers=[(b"cookie", f"handrail-desk={secret}".encode("latin-1"))])  # type: ignore[arg-type]
        assert answer.status_code == 401


def test_an_id_in_the_address_counts_nothing(anna: Browser, desk: Served) -> None:
    with Browser(desk.url) as other:
        assert other.get("/api/me", params={"handrail-desk": anna.cookie() or ""}).status_code == 401


def test_a_person_has_so_many_sessions_at_once_and_the_oldest_ends(tmp_path: Path) -> None:
    clock, store = Clock(1_000.0), Store(tmp_path / "s.db")
    sessions, secrets = Sessions(store, 60, 600), []
    for _ in range(PER_PERSON_MAX + 1):
        clock.now_s += 1
        secrets.append(sessions.begin("anna", "Anna", ["agent"], "local", "", clock.now_s)[0])
    assert sessions.lookup(secrets[0]) is None
    assert all(sessions.lookup(secret) for secret in secrets[1:])
    store.close()


@pytest.mark.parametrize(
    ("after_s", "why"), [(0.0, None), (59.9, None), (60.0, "idle"), (599.9, "idle"), (600.0, "age"), (10_000.0, "age")]
)
def test_its_time_is_over_when_idle_and_when_old(tmp_path: Path, after_s: float, why: str | None) -> None:
    store = Store(tmp_path / "s.db")
    sessions = Sessions(store, 60, 600)
    _, session = sessions.begin("anna", "Anna", ["agent"], "local", "", 1_000.0)
    assert sessions.over(session, 1_000.0 + after_s) == why
    assert sessions.sweep(1_000.0 + after_s) == ([session] if why else [])
    store.close()


def test_a_click_holds_off_idleness_and_not_age(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    sessions = Sessions(store, 60, 100)
    secret, session = sessions.begin("anna", "Anna", ["agent"], "local", "", 1_000.0)
    sessions.touch(session, 1_050.0)
    found = sessions.lookup(secret)
    assert found is not None
    assert sessions.over(found, 1_099.0) is None
    sessions.touch(found, 1_099.0)
    found = sessions.lookup(secret)
    assert found is not None
    assert sessions.over(found, 1_100.0) == "age"
    store.close()


def test_a_logout_is_on_the_disk(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.db")
    with store.reading() as file:
        assert file.execute("PRAGMA synchronous").fetchone() == (2,)
    store.close()


def test_a_file_that_is_no_database_is_one_line(data: Path) -> None:
    (data / "desk-sessions.db").write_text("not a database, but long enough to be taken for one" * 30)
    with (
        pytest.raises(ConfigError, match=r"desk-sessions.db: file is not a database: give --data"),
        served(SecuritySettings.of({}), data),
    ):
        pass


def test_a_database_that_fails_lets_nobody_in(desk: Served, data: Path, anna: Browser) -> None:
    with sqlite3.connect(data / "desk-sessions.db") as file:
        file.execute("DROP TABLE sessions")
    assert anna.get("/").status_code == 503
