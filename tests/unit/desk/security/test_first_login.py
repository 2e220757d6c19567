"""The first person, before there are users."""

import getpass
from collections.abc import Iterator
from pathlib import Path

import pytest

from handrail.desk.web.security import Security, SecuritySettings
from tests.unit.desk.security.served import AuditLog, Browser, Served, served, write_users


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Served]:
    """A desk that nobody has logged in to, without users."""
    with served(SecuritySettings.of({"desk_logins_per_min": 1_000}), tmp_path / "fresh") as up:
        yield up


def link(desk: Served) -> str:
    """The link, as a path."""
    url = desk.security.first_login_url(desk.url)
    assert url is not None
    assert url.startswith(f"{desk.url}/login?once=")
    return url.removeprefix(desk.url)


def test_the_link_lets_in_this_machines_user_with_all_roles_once(fresh: Served) -> None:
    once = link(fresh)
    assert len(once) == len("/login?once=") + 43
    with Browser(fresh.url) as one, Browser(fresh.url) as other:
        answer = one.get(once)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        me = one.me()
        assert me is not None
        assert (me["id"], len(me["roles"])) == (getpass.getuser(), 5)
        assert one.act(path="/approve").status_code == 200
        again = other.get(once)
        assert again.status_code == 401
        assert "used already" in again.text
        assert other.me() is None
    assert [person for person, _ in fresh.audit.of("login")] == [getpass.getuser()]


def test_after_a_quarter_of_an_hour_it_is_too_old(fresh: Served) -> None:
    once = link(fresh)
    fresh.clock.now_s += 15 * 60
    with Browser(fresh.url) as one:
        assert one.get(once).status_code == 401
        assert one.me() is None


@pytest.mark.parametrize(
    "headers", [{"Sec-Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}]
)
def test_a_browser_that_looks_ahead_does_not_use_it_up(fresh: Served, headers: dict[str, str]) -> None:
    once = link(fresh)
    with Browser(fresh.url) as one:
        assert one.get(once, headers=headers).status_code == 403
        assert one.head(once).status_code == 200
        assert one.me() is None
        assert one.get(once).status_code == 303


@pytest.mark.parametrize("token", ["", "x", "x" * 43, "x" * 100_0])
def test_a_guess_lets_nobody_in(fresh: Served, token: str) -> None:
    link(fresh)
    with Browser(fresh.url) as one:
        assert one.get("/login", params={"once": token}).status_code == 401
        assert one.me() is None


def test_it_does_not_lead_away(fresh: Served) -> None:
    with Browser(fresh.url) as one:
        assert one.get(f"{link(fresh)}&next=//evil.example").headers["location"] == "/"


def test_it_is_kept_as_a_hash_and_counts_after_a_restart(tmp_path: Path) -> None:
    settings, folder = SecuritySettings.of({}), tmp_path / "d"
    with served(settings, folder) as up:
        once = link(up)
    for file in folder.glob("desk-sessions.db*"):
        assert once.partition("=")[2].encode() not in file.read_bytes()
    with served(settings, folder) as up, Browser(up.url) as one:
        assert one.get(once).status_code == 303


def test_with_users_there_is_no_link_and_an_old_one_and_its_session_are_over(fresh: Served, tmp_path: Path) -> None:
    once, second = link(fresh), link(fresh)
    with Browser(fresh.url) as one, Browser(fresh.url) as other:
        one.get(once)
        assert one.me() is not None
        write_users(tmp_path / "fresh" / "desk-users.json", anna=["agent"])
        assert one.me() is None
        assert other.get(second).status_code == 401
    assert fresh.security.first_login_url(fresh.url) is None


@pytest.mark.parametrize(
    "options",
    [
        {"desk_url": "https://desk.example.com"},
        {"oidc_issuer": "https://id.example.com", "oidc_client_id": "desk", "oidc_roles": {"agents": ["agent"]}},
    ],
)
def test_beyond_this_machine_or_with_oidc_there_is_no_link(tmp_path: Path, options: dict[str, object]) -> None:
    security = Security(SecuritySettings.of(options), tmp_path / "d", AuditLog())
    assert security.first_login_url("https://desk.example.com") is None
    security.close()
