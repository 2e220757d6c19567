"""What is checked before every page, and what every answer carries."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from handrail.desk.web.security import Security, SecuritySettings, bodies, person_of
from handrail.desk.web.security.person import visit_of
from handrail.desk.web.security.responses import CSP
from tests.unit.desk.security.served import AuditLog, Browser, Served, served

HARDENED = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def raw(url: str, request: str) -> str:
    """The answer to a request as it is typed, line ends apart."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(request.replace("\n", "\r\n").encode())
        whole = b""
        while chunk := line.recv(65_536):
            whole += chunk
    return whole.decode()


@pytest.mark.parametrize("path", ["/", "/login", "/api/me", "/nothing", "/oidc/start", "/static/none", "/act"])
def test_every_answer_is_hardened(anna: Browser, path: str) -> None:
    for answer in (anna.get(path), anna.post(path), anna.request("TRACE", path), anna.get(path, headers={"Host": "x"})):
        for name, value in HARDENED.items():
            assert answer.headers.get_list(name) == [value], (answer.request.method, answer.status_code, name)
        assert "strict-transport-security" not in answer.headers, "plain HTTP"
        assert "access-control-allow-origin" not in answer.headers
    assert HARDENED["content-security-policy"] == CSP


def test_files_of_the_style_may_be_kept(browser: Browser) -> None:
    answer = browser.get("/static/desk.css")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "max-age=60")


def test_behind_tls_browsers_stay_on_tls(data: Path) -> None:
    with served(SecuritySettings.of({"desk_url": "https://desk.example.com"}), data) as up, Browser(up.url) as one:
        answer = one.get("/login", headers={"Host": "desk.example.com"})
        assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil", "", "x@"]
)
def test_a_name_that_was_rebound_to_this_machine_gets_nothing(anna: Browser, host: str) -> None:
    answer = anna.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "anna" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "[::1]:8080", "127.0.0.1"])
def test_this_machine_by_all_its_names(browser: Browser, host: str) -> None:
    assert browser.get("/login", headers={"Host": host}).status_code == 200


async def test_two_host_lines_are_no_host_whatever_the_server_thinks(data: Path) -> None:
    assert await status_of(data, headers=[(b"host", b"localhost")] * 2) == 421


def test_two_host_lines_are_no_host(desk: Served) -> None:
    answer = raw(desk.url, "GET /login HTTP/1.1\nHost: localhost\nHost: evil.example\nConnection: close\n\n")
    assert answer.startswith(("HTTP/1.1 421", "HTTP/1.1 400"))
    assert raw(desk.url, "GET /login HTTP/1.0\n\n").startswith("HTTP/1.1 421")


@pytest.mark.parametrize(
    ("host", "status"),
    [("desk.example.com", 200), ("DESK.example.com:443", 200), ("desk.example.com:8443", 421), ("127.0.0.1", 421)],
)
def test_behind_a_proxy_only_the_address_that_people_type(data: Path, host: str, status: int) -> None:
    with served(SecuritySettings.of({"desk_url": "https://desk.example.com"}), data) as up, Browser(up.url) as one:
        assert one.get("/login", headers={"Host": host}).status_code == status


async def test_without_an_address_the_desk_is_for_this_machine_alone(data: Path) -> None:
    assert await status_of(data, server=("127.0.0.1", 80)) == 200
    assert await status_of(data, server=("192.0.2.7", 80)) == 421
    assert await status_of(data, server=("/run/desk.sock", None)) == 421
    assert await status_of(data, server=None) == 421


async def status_of(data: Path, **scope: Any) -> int:
    """The status of GET /login, asked as a server would."""
    security, sent = Security(SecuritySettings.of({}), data, AuditLog()), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    about = {"type": "http", "method": "GET", "path": "/login", "query_string": b"", "client": ("127.0.0.1", 1)}
    about |= {"server": ("127.0.0.1", 80), "headers": [(b"host", b"localhost")]}
    await security.wrap(app)({**about, **scope}, receive, send)
    security.close()
    status: int = sent[0]["status"]
    return status


async def test_websockets_are_closed_without_a_look_at_the_cookie(data: Path) -> None:
    security, sent = Security(SecuritySettings.of({}), data, AuditLog()), []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError("the app was asked")

    async def send(message: Any) -> None:
        sent.append(message)

    await security.wrap(app)({"type": "websocket", "path": "/events", "headers": []}, None, send)  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]
    security.close()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/me", {}),
        ("/events", {"Accept": "text/event-stream"}),
        ("/handoffs/hf-1", {"Sec-Fetch-Mode": "cors"}),
    ],
)
def test_programs_without_login_get_401(browser: Browser, path: str, headers: dict[str, str]) -> None:
    answer = browser.get(path, headers=headers)
    assert (answer.status_code, answer.json()) == (401, {"error": "log in first"})


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/handoffs/hf-1",
        "/revealed",
        "/nothing",
        "//login",
        "/login/",
        "/LOGIN",
        "/static/../revealed",
        "/static",
        "/oidc",
        "/oidc/../revealed",
        "/oidc/start/",
    ],
)
def test_people_without_login_are_led_to_it(desk: Served, path: str) -> None:
    answer = raw(desk.url, f"GET {path} HTTP/1.1\nHost: localhost\nConnection: close\n\n")
    assert answer.startswith("HTTP/1.1 303"), answer
    assert "location: /login?next=/" in answer.lower()


def test_a_form_without_login_is_not_led_away_from_what_was_typed(desk: Served, browser: Browser) -> None:
    answer = browser.send_form("/act", {"note": "typed for an hour"})
    assert answer.status_code == 401
    assert "this was not done: log in in another tab" in answer.text
    assert desk.pages.done == []


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "CONNECT", "PROPFIND"])
def test_other_methods_are_refused(anna: Browser, method: str) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = anna.request(method, "/api/me", headers=headers)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_body_has_a_limit_whatever_it_declares(desk: Served, anna: Browser) -> None:
    limit = 256 * 1024
    me = anna.me()
    assert me is not None
    headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": me["csrf"]}
    assert anna.post("/act", content=b"x" * limit, headers=headers).status_code == 200
    assert anna.post("/act", content=b"x" * (limit + 1), headers=headers).status_code == 413
    assert anna.post("/act", content=iter([b"x" * 65_536] * 5), headers=headers).status_code == 413
    assert [len(body) for body in desk.pages.done] == [limit]


@pytest.mark.parametrize("declared", [b"-1", b"1e9", b"", b"99999999999999999999999999"])
async def test_a_length_that_is_none_is_too_large(declared: bytes) -> None:
    async def receive() -> Any:
        raise AssertionError("it was read")

    with pytest.raises(bodies.TooLarge):
        await bodies.read({"headers": [(b"content-length", declared)]}, receive, 1_000)


async def test_a_body_that_trickles_is_given_up() -> None:
    async def receive() -> Any:
        import asyncio

        await asyncio.Event().wait()

    with pytest.raises(bodies.TooSlow):
        await bodies.read({"headers": []}, receive, 1_000, seconds=0.01)


def test_what_a_role_may_not_do_is_one_clear_line_and_audited(desk: Served, anna: Browser) -> None:
    answer = anna.act(path="/approve")
    assert answer.status_code == 403
    assert answer.text == "this needs the role `approver`: ask whoever keeps the desk's users"
    [(person, detail)] = desk.audit.of("forbidden")
    assert (person, detail["path"], detail["lacked"]) == ("anna", "/approve", "approver")
    assert desk.pages.done == []


@pytest.mark.parametrize(
    ("user", "may"),
    [("anna", "/act"), ("ben", "/approve"), ("cleo", ""), ("dan", "/revealed"), ("eve", "/act /approve /revealed")],
)
def test_each_role_may_do_its_own(browser: Browser, user: str, may: str) -> None:
    browser.login(user)
    for path in ("/act", "/approve"):
        assert browser.act(path=path).status_code == (200 if path in may else 403)
    assert browser.get("/revealed").status_code == (200 if "/revealed" in may else 403)
    assert browser.get("/").status_code == 200


def test_an_app_that_is_not_wrapped_lets_nobody_in() -> None:
    from starlette.requests import Request

    with pytest.raises(RuntimeError, match=r"not behind Security\.wrap"):
        person_of(Request({"type": "http", "headers": []}))
    with pytest.raises(RuntimeError):
        visit_of({})


def test_a_program_cannot_say_who_it_is(desk: Served) -> None:
    with Browser(desk.url) as one:
        for header in ("X-Forwarded-User", "X-Remote-User", "Authorization", "X-Forwarded-Host", "X-Original-URL"):
            assert one.get("/api/me", headers={header: "eve"}).status_code == 401


def test_what_a_page_shows_is_for_one_person(anna: Browser) -> None:
    assert json.loads(anna.get("/").text)["session"] != anna.cookie()
