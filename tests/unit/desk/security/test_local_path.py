"""Where a login leads to: never to another site."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.desk.web.security.address import local_path
from tests.unit.desk.security.served import Browser

AWAY = [
    "https://evil.example",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/\r\nSet-Cookie: a=b",
    "javascript:alert(1)",
    "data:text/html,x",
    "evil.example",
    "@evil.example",
    "",
    "/\x00/evil.example",
    "/\u00a0/evil",
    "/" + "x" * 3_000,
    "/login",
    "/logout",
    "/oidc/start",
    "/#//evil.example",
]


@pytest.mark.parametrize("path", AWAY)
def test_what_leads_away_leads_to_the_start(path: str) -> None:
    assert local_path(path) == "/"


@pytest.mark.parametrize(
    "path", ["/", "/handoffs/hf-1", "/?queue=refunds&mine=1", "/x?next=https://evil.example", "/%2f/x"]
)
def test_the_desks_own_pages_are_kept(path: str) -> None:
    assert local_path(path) == path


def test_nothing_said_is_the_start() -> None:
    assert local_path(None) == "/"


@given(st.text(alphabet="/\\\t\n\r .:@evilhtps?#%", max_size=12))
def test_whatever_it_is_it_begins_with_one_slash_and_no_more(path: str) -> None:
    found = local_path(path)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert not set(found) & set("\t\n\r \\")


@pytest.mark.parametrize("path", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_a_login_does_not_lead_away(browser: Browser, path: str) -> None:
    assert browser.login("anna", next_=path).headers["location"] == "/"
    assert browser.get("/login", params={"next": path}).headers["location"] == "/"
