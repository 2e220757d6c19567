"""Login by password."""

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from handrail.desk.web.security import SecuritySettings, login, passwords
from handrail.schemas.errors import ConfigError
from tests.unit.desk.security.served import OTHER_PASSWORD, PASSWORD, Browser, Served, form_token, served, write_users


def test_the_right_password_leads_to_the_page_that_was_asked_for(desk: Served, browser: Browser) -> None:
    asked = browser.get("/handoffs/hf-1?tab=all")
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/handoffs/hf-1%3Ftab%3Dall")
    page = browser.get(asked.headers["location"]).text
    fields = {"csrf": form_token(page), "next": "/handoffs/hf-1?tab=all", "user": "anna", "password": PASSWORD}
    assert 'value="/handoffs/hf-1?tab=all"' in page
    into = browser.send_form("/login", fields)
    assert (into.status_code, into.headers["location"]) == (303, "/handoffs/hf-1?tab=all")
    me = browser.me()
    assert me is not None
    assert (me["id"], me["name"], me["roles"]) == ("anna", "Anna", ["agent", "reader"])
    [(person, detail)] = desk.audit.of("login")
    assert (person, detail["method"], detail["client"]) == ("anna", "local", "127.0.0.1")


@pytest.mark.parametrize(
    ("user", "password"),
    [("anna", OTHER_PASSWORD), ("nobody", PASSWORD), ("anna", ""), ("", PASSWORD), ("anna", PASSWORD + " "), ("", "")],
)
def test_a_wrong_password_and_an_unknown_user_look_the_same(desk: Served, user: str, password: str) -> None:
    with Browser(desk.url) as one:
        reference = one.login("anna", OTHER_PASSWORD)
        answer = one.login(user, password)
        assert answer.status_code == reference.status_code == 401
        assert answer.text == reference.text
        assert one.me() is None


@pytest.mark.parametrize("user", ["anna", "nobody"])
def test_an_unknown_user_costs_the_same_work(
    browser: Browser, desk: Served, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    costs, matches = [], passwords.matches

    def counted(kept: str, password: str) -> bool:
        costs.append(kept.rsplit("$", 2)[0])
        return matches(kept, password)

    monkeypatch.setattr(passwords, "matches", counted)
    assert browser.login(user, OTHER_PASSWORD).status_code == 401
    assert costs == ["$argon2id$v=19$m=8,t=1,p=1"]


def test_passwords_are_kept_at_a_cost_that_rfc_9106_recommends(hasher: PasswordHasher) -> None:
    kept = hasher.hash(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (hasher.salt_len, hasher.hash_len) == (16, 32)
    assert hasher.hash(PASSWORD) != kept


def test_user_ids_are_read_as_people_type_them(browser: Browser) -> None:
    assert browser.login("  Anna ").status_code == 303


def test_the_same_password_composed_differently_is_the_same() -> None:
    kept = passwords.hashed("caf\u00e9 behind the bridge")
    assert passwords.matches(kept, "cafe\u0301 behind the bridge")
    assert not passwords.matches(kept, "cafe behind the bridge")


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 1_025])
def test_a_password_has_12_to_1024_characters(password: str) -> None:
    with pytest.raises(ConfigError, match=r"password: must have 12 to 1024 characters, got \d+: take a few words"):
        passwords.hashed(password)


def test_a_password_of_any_kind_of_characters_will_do() -> None:
    assert passwords.matches(passwords.hashed("aaaaaaaaaaaa"), "aaaaaaaaaaaa")


def test_a_very_long_password_is_wrong_and_not_cut() -> None:
    assert not passwords.matches(passwords.hashed("x" * 1_024), "x" * 1_025)


def test_who_is_in_is_not_asked_again(anna: Browser) -> None:
    answer = anna.get("/login?next=/handoffs/hf-1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/handoffs/hf-1")


def test_what_is_shown_on_the_login_page_is_escaped(browser: Browser) -> None:
    page = browser.get("/login", params={"next": '/"><script>alert(1)</script>'}).text
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_no_users_is_a_page_and_nobody_gets_in(tmp_path: Path) -> None:
    with served(SecuritySettings.of({}), tmp_path / "empty") as up, Browser(up.url) as one:
        assert one.login("anna").status_code == 401
        assert one.me() is None


def test_a_users_file_that_others_may_write_stops_the_start(data: Path) -> None:
    (data / "desk-users.json").chmod(0o622)
    line = r"desk-users.json: others on this machine may write it: run `chmod 600 "
    with pytest.raises(ConfigError, match=line), served(SecuritySettings.of({}), data):
        pass


def test_logins_beyond_what_is_checked_at_once_are_told_to_wait(
    desk: Served, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "CHECKS_WAITING_MAX", 0)
    assert browser.login("anna").status_code == 503
    monkeypatch.undo()
    assert browser.login("anna").status_code == 303


def test_a_password_typed_as_the_user_is_told_to_nobody(desk: Served, browser: Browser) -> None:
    browser.login(PASSWORD, PASSWORD)
    browser.login("anna", OTHER_PASSWORD)
    assert [person for person, _ in desk.audit.of("login.failed")] == [None, "anna"]


def test_a_new_user_counts_at_once(desk: Served, data: Path, browser: Browser) -> None:
    assert browser.login("fay").status_code == 401
    write_users(data / "desk-users.json", fay=["agent"])
    assert browser.login("fay").status_code == 303
