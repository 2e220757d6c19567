"""Requests that another site makes a browser send."""

from typing import Any

import pytest

from handrail.desk.web.security import csrf
from tests.unit.desk.security.served import PASSWORD, Browser, Served, form_token

OWN = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}


def token(browser: Browser) -> str:
    """The session's token."""
    me = browser.me()
    assert me is not None
    found: str = me["csrf"]
    return found


def test_our_own_form_and_our_own_script_are_carried_out(desk: Served, anna: Browser) -> None:
    assert anna.act("a form").status_code == 200
    headers = {**OWN, "X-CSRF-Token": token(anna), "Sec-Fetch-Mode": "cors", "Origin": desk.url}
    assert anna.post("/act", json={"note": "a script"}, headers=headers).status_code == 200
    assert [done[:4] for done in desk.pages.done] == ["csrf", '{"no']


@pytest.mark.parametrize(
    ("request_", "body"),
    [
        ({"headers": OWN}, {}),
        ({"headers": OWN}, {"csrf": ""}),
        ({"headers": OWN}, {"csrf": "0" * 64}),
        ({"headers": OWN}, {"csrf": "TOKEN", "again": "csrf"}),
        ({"headers": OWN, "params": {"csrf": "TOKEN"}}, {}),
        ({"headers": {**OWN, "Cookie2": "csrf=TOKEN"}}, {}),
        ({"headers": {**OWN, "Content-Type": "text/plain"}}, {"csrf": "TOKEN"}),
        ({"headers": {**OWN, "Content-Type": "multipart/form-data; boundary=x"}}, {"csrf": "TOKEN"}),
        ({"headers": {**OWN, "X-CSRF-Token": ""}}, {"csrf": "TOKEN"}),
    ],
    ids=["none", "empty", "wrong", "twice", "in the address", "in a cookie", "plain text", "multipart", "empty header"],
)
def test_without_the_sessions_token_nothing_is_done(
    desk: Served, anna: Browser, request_: dict[str, Any], body: dict[str, str]
) -> None:
    known = token(anna)
    pairs = [(name, value.replace("TOKEN", known)) for name, value in body.items() if name != "again"]
    pairs += [("csrf", known)] if "again" in body else []
    sent = "&".join(f"{name}={value}" for name, value in pairs)
    headers = {"Content-Type": "application/x-www-form-urlencoded", **request_["headers"]}
    headers = {name: value.replace("TOKEN", known) for name, value in headers.items()}
    params = {name: value.replace("TOKEN", known) for name, value in request_.get("params", {}).items()}
    answer = anna.post("/act", content=sent, headers=headers, params=params)
    assert answer.status_code == 403
    assert "this page is from an earlier login" in answer.text
    assert desk.pages.done == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_every_method_that_changes_something_needs_it(desk: Served, anna: Browser, method: str) -> None:
    assert anna.request(method, "/act", headers=OWN).status_code == 403
    assert anna.request(method, "/act", headers={**OWN, "X-CSRF-Token": token(anna)}).status_code == 200


def test_the_token_of_another_session_counts_nothing(desk: Served, anna: Browser) -> None:
    with Browser(desk.url) as other:
        other.login("anna")
        foreign = token(other)
    assert anna.send_form("/act", {"csrf": foreign}).status_code == 403
    assert desk.pages.done == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "http://127.0.0.1:1", "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "something new"},
    ],
)
def test_what_was_begun_elsewhere_is_not_done_even_with_the_token(
    desk: Served, anna: Browser, headers: dict[str, str]
) -> None:
    sent = {"csrf": token(anna)}
    answer = anna.post("/act", data=sent, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert desk.pages.done == []
    [(person, detail)] = desk.audit.of("forbidden")
    assert (person, detail["path"]) == ("anna", "/act")


@pytest.mark.parametrize(
    "headers", [{}, {"Origin": "OWN"}, {"Origin": "OWN", "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
)
def test_our_own_origin_in_every_way_that_browsers_say_it(anna: Browser, headers: dict[str, str]) -> None:
    own = {name: value.replace("OWN", anna.url) for name, value in headers.items()}
    assert anna.post("/act", data={"csrf": token(anna)}, headers=own).status_code == 200


def test_nobody_is_logged_in_by_another_site(desk: Served, browser: Browser) -> None:
    with Browser(desk.url) as attacker:
        theirs = form_token(attacker.get("/login").text)
    browser.get("/login")
    fields = {"csrf": theirs, "user": "eve", "password": PASSWORD, "next": "/"}
    assert browser.send_form("/login", fields).status_code == 403
    own = form_token(browser.get("/login").text)
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert browser.send_form("/login", {**fields, "csrf": own}, **headers).status_code == 403
    assert browser.me() is None
    assert browser.send_form("/login", {**fields, "csrf": own}).status_code == 303


def test_nobody_is_logged_out_by_another_site(anna: Browser) -> None:
    answer = anna.post("/logout", headers={"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert anna.me() is not None


def test_the_token_says_nothing_of_the_session(anna: Browser) -> None:
    secret = anna.cookie()
    assert secret is not None
    assert token(anna) == csrf.token_of(secret)
    assert secret not in token(anna)
    assert csrf.token_of("") == ""
    assert not csrf.agrees("", "")


def test_a_form_from_before_login_says_what_to_do(desk: Served, anna: Browser) -> None:
    old = token(anna)
    anna.act(path="/logout")
    anna.login("anna")
    answer = anna.send_form("/act", {"csrf": old})
    assert answer.status_code == 403
    assert "go back, load it again, and send again" in answer.text
