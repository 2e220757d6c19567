"""Login with an OIDC provider, and everything that a bad one, or a bad browser, may try."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from handrail.desk.web.security import SecuritySettings
from handrail.desk.web.security.csrf import token_of
from handrail.desk.web.security.oidc.token import roles_of, shown_name
from handrail.schemas.errors import ConfigError
from tests.unit.desk.security.provider import CLIENT, SECRET
from tests.unit.desk.security.served import PASSWORD, Browser, Clock, Served, served, write_users

ROOT = Path(__file__).resolve().parents[4]
FROM_AWAY = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@dataclass
class Provider:
    """The provider's process."""

    issuer: str
    client: httpx2.Client

    def behave(self, **mode: Any) -> list[str]:
        """From now on like this, else right. Gives what it was asked so far."""
        answer = self.client.post(f"{self.issuer}/mode", json=mode)
        asked: list[str] = answer.json()["asked"]
        return asked


@pytest.fixture(scope="module")
def process() -> Iterator[Provider]:
    command = [sys.executable, "-m", "tests.unit.desk.security.provider"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as provider:
        assert provider.stdout is not None
        try:
            with httpx2.Client(trust_env=False, verify=False) as client:
                yield Provider(provider.stdout.readline().strip(), client)
        finally:
            provider.terminate()


@pytest.fixture
def provider(process: Provider) -> Provider:
    """It behaves."""
    process.behave()
    return process


def options(provider: Provider, folder: Path, **more: Any) -> dict[str, Any]:
    (folder / "client.secret").write_text(f"{SECRET}\n")
    return {
        "oidc_issuer": provider.issuer,
        "oidc_client_id": CLIENT,
        "oidc_client_secret": folder / "client.secret",
        "oidc_roles": {"desk-agents": ["agent"], "desk-leads": ["agent", "approver"]},
        "desk_logins_per_min": 1_000,
        **more,
    }


@pytest.fixture
def sso(provider: Provider, elsewhere: Path) -> Iterator[Served]:
    """A desk where people log in with the provider."""
    with served(SecuritySettings.of(options(provider, elsewhere)), elsewhere / "data") as up:
        yield up


def callback(browser: Browser, provider: Provider, next_: str = "/handoffs/hf-1") -> str:
    """Go to the provider, say yes there, and give the way back."""
    out = browser.get("/oidc/start", params={"next": next_})
    assert out.status_code == 303
    back = provider.client.get(out.headers["location"])
    assert back.status_code == 303
    location: str = back.headers["location"]
    assert location.startswith(f"{browser.url}/oidc/callback?")
    return location


def login(browser: Browser, provider: Provider) -> httpx2.Response:
    """The whole way."""
    return browser.get(callback(browser, provider), headers=FROM_AWAY)


def test_the_whole_way(sso: Served, provider: Provider) -> None:
    with Browser(sso.url) as one:
        page = one.get("/login?next=/handoffs/hf-1").text
        assert 'href="/oidc/start?next=/handoffs/hf-1"' in page
        assert 'name="password"' not in page
        answer = login(one, provider)
        assert (answer.status_code, answer.headers["location"]) == (303, "/handoffs/hf-1")
        me = one.me()
        assert me is not None
        assert (me["id"], me["name"], me["roles"]) == ("oidc:u-17", "Anna B.", ["agent", "reader"])
        assert one.act().status_code == 200
        assert one.act(path="/approve").status_code == 403
    assert [(person, detail["method"]) for person, detail in sso.audit.of("login")] == [("oidc:u-17", "oidc")]


def test_what_is_asked_is_pkce_with_state_and_nonce_new_each_time(sso: Served) -> None:
    with Browser(sso.url) as one:
        asked = [parse_qs(urlsplit(one.get("/oidc/start").headers["location"]).query) for _ in range(2)]
    first, second = asked
    assert (first["response_type"], first["code_challenge_method"]) == (["code"], ["S256"])
    assert first["redirect_uri"] == [f"{sso.url}/oidc/callback"]
    assert first["scope"] == ["openid profile email"]
    for name in ("state", "nonce", "code_challenge"):
        assert len(first[name][0]) == 43
        assert first[name] != second[name]


@pytest.mark.parametrize("sign", ["rs1", "es1"])
def test_both_kinds_of_signature(sso: Served, provider: Provider, sign: str) -> None:
    provider.behave(sign=sign)
    with Browser(sso.url) as one:
        assert login(one, provider).status_code == 303


NOW = int(time.time())
BAD_TOKENS: dict[str, tuple[dict[str, Any], str]] = {
    "wrong nonce": ({"claims": {"nonce": "x" * 43}}, "nonce"),
    "no nonce": ({"claims": {"nonce": None}}, "MissingRequiredClaimError"),
    "nonce is no text": ({"claims": {"nonce": [1]}}, "nonce"),
    "wrong audience": ({"claims": {"aud": "another"}}, "InvalidAudienceError"),
    "no audience": ({"claims": {"aud": None}}, "MissingRequiredClaimError"),
    "another audience beside": ({"claims": {"aud": [CLIENT, "another"]}}, "aud"),
    "given to another client": ({"claims": {"azp": "another"}}, "azp"),
    "another issuer": ({"claims": {"iss": "https://id.example.com"}}, "InvalidIssuerError"),
    "issuer with a slash": ({"claims": {"iss": "ISSUER/"}}, "InvalidIssuerError"),
    "expired": ({"claims": {"exp": NOW - 120, "iat": NOW - 400}}, "ExpiredSignatureError"),
    "never expires": ({"claims": {"exp": None}}, "MissingRequiredClaimError"),
    "from tomorrow": ({"claims": {"iat": NOW + 86_400, "exp": NOW + 90_000}}, "ImmatureSignatureError"),
    "not yet": ({"claims": {"nbf": NOW + 86_400}}, "ImmatureSignatureError"),
    "made long ago": ({"claims": {"iat": NOW - 3_600}}, "iat"),
    "nobody": ({"claims": {"sub": None}}, "MissingRequiredClaimError"),
    "empty name": ({"claims": {"sub": ""}}, "sub"),
    "name with a line end": ({"claims": {"sub": "a\nb"}}, "sub"),
    "alg none": ({"sign": "none"}, "RS256 or ES256"),
    "alg None": ({"sign": "none", "header": {"alg": "None"}}, "RS256 or ES256"),
    "hmac with the public key": ({"sign": "hmac"}, "RS256 or ES256"),
    "hmac that says RS256": ({"sign": "hmac", "header": {"alg": "RS256"}}, "InvalidSignatureError"),
    "a stranger's key": ({"sign": "rs9"}, "not one of the provider's"),
    "a stranger's key by our id": ({"sign": "rs9", "header": {"kid": "rs1"}}, "InvalidSignatureError"),
    "its key comes along": ({"sign": "rs9", "header": {"jwk": {}, "kid": None}}, "InvalidSignatureError"),
    "no id, two keys": ({"keys": ["rs1", "rs2"], "header": {"kid": None}}, "not one of the provider's"),
    "an access token": ({"header": {"typ": "at+jwt"}}, "another kind"),
    "critical extension": ({"header": {"crit": ["x"], "x": 1}}, "ID token"),
    "a small key": ({"sign": "small", "keys": ["small"]}, "2048"),
    "a key for encryption": ({"jwk": {"use": "enc"}}, "not one of the provider's"),
    "a key for another algorithm": ({"jwk": {"alg": "PS256"}}, "not one of the provider's"),
    "no token": ({"token": {"access_token": "x"}}, "no ID token"),
    "token is a list": ({"token": {"id_token": []}}, "no ID token"),
    "garbage": ({"token": {"id_token": "a.b.c"}}, "cannot be read"),
    "a huge one": ({"token": {"id_token": "a" * 100_000}}, "no ID token"),
    "a list of answers": ({"token": [1]}, "no JSON object"),
    "code refused": ({"status": {"/token": 400}}, "answers with 400"),
    "led elsewhere": ({"status": {"/token": 302}}, "answers with 302"),
    "endless answer": ({"status": {"/token": 999}}, "over 1048576 bytes"),
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_token_that_is_not_good_lets_nobody_in(sso: Served, provider: Provider, name: str) -> None:
    mode, why = BAD_TOKENS[name]
    if mode.get("claims", {}).get("iss") == "ISSUER/":
        mode = {"claims": {"iss": f"{provider.issuer}/"}}
    provider.behave(**mode)
    with Browser(sso.url) as one:
        answer = login(one, provider)
        assert answer.status_code == 401
        assert "That login came to nothing" in answer.text
        assert one.me() is None
    assert sso.audit.of("login") == []
    [(person, detail)] = sso.audit.of("login.failed")
    assert person is None
    assert why in detail["why"]


def test_a_clock_that_is_off_by_half_a_minute_is_borne(sso: Served, provider: Provider) -> None:
    now_s = int(time.time())
    provider.behave(claims={"iat": now_s + 30, "nbf": now_s + 30, "exp": now_s - 30})
    with Browser(sso.url) as one:
        assert login(one, provider).status_code == 303


def test_new_keys_are_fetched_when_a_token_is_signed_with_one(sso: Served, provider: Provider) -> None:
    with Browser(sso.url) as one:
        assert login(one, provider).status_code == 303
    sso.clock.now_s += 60
    provider.behave(sign="rs2", keys=["rs2"])
    with Browser(sso.url) as one:
        assert login(one, provider).status_code == 303


def test_a_key_that_was_taken_back_does_not_count_once_keys_are_fetched_again(sso: Served, provider: Provider) -> None:
    with Browser(sso.url) as one:
        assert login(one, provider).status_code == 303
    provider.behave(sign="rs1", keys=["rs2"])
    sso.clock.now_s += 3_600
    with Browser(sso.url) as one:
        provider_now = int(sso.clock.now_s)
        provider.behave(sign="rs1", keys=["rs2"], claims={"iat": NOW, "exp": provider_now + 300})
        assert login(one, provider).status_code == 401


def test_unknown_keys_do_not_make_the_desk_ask_again_and_again(sso: Served, provider: Provider) -> None:
    before = provider.behave(sign="rs9").count("/jwks")
    for _ in range(4):
        with Browser(sso.url) as one:
            assert login(one, provider).status_code == 401
    assert provider.behave().count("/jwks") - before == 1
    sso.clock.now_s += 11
    provider.behave(sign="rs9")
    with Browser(sso.url) as one:
        assert login(one, provider).status_code == 401
    assert provider.behave().count("/jwks") - before == 2


def test_a_way_back_counts_once(sso: Served, provider: Provider) -> None:
    with Browser(sso.url) as one:
        back = callback(one, provider)
        cookie = one.cookie("handrail-login")
        assert one.get(back, headers=FROM_AWAY).status_code == 303
        one.act(path="/logout")
        one.cookies.set("handrail-login", cookie or "", domain="127.0.0.1", path="/")
        assert one.get(back, headers=FROM_AWAY).status_code == 401
        assert one.me() is None
    assert "state" in sso.audit.of("login.failed")[0][1]["why"]


def test_a_way_back_counts_in_the_browser_that_went_out_only(sso: Served, provider: Provider) -> None:
    with Browser(sso.url) as attacker, Browser(sso.url) as victim:
        back = callback(attacker, provider)
        victim.get("/login")
        assert victim.get(back, headers=FROM_AWAY).status_code == 401
        assert victim.me() is None
        victim.get("/oidc/start")
        assert victim.get(back, headers=FROM_AWAY).status_code == 401
        assert attacker.get(back, headers=FROM_AWAY).status_code == 303


def test_a_way_back_that_took_too_long_is_over(sso: Served, provider: Provider) -> None:
    with Browser(sso.url) as one:
        back = callback(one, provider)
        sso.clock.now_s += 601
        assert one.get(back, headers=FROM_AWAY).status_code == 401


def test_a_code_of_another_login_is_refused_by_its_verifier(sso: Served, provider: Provider) -> None:
    with Browser(sso.url) as attacker, Browser(sso.url) as victim:
        theirs = parse_qs(urlsplit(callback(attacker, provider)).query)
        ours = parse_qs(urlsplit(callback(victim, provider)).query)
        mixed = {"state": ours["state"][0], "code": theirs["code"][0], "iss": provider.issuer}
        assert victim.get("/oidc/callback", params=mixed, headers=FROM_AWAY).status_code == 401
        assert victim.me() is None


@pytest.mark.parametrize(
    "answer",
    [
        {"state": None},
        {"state": "x" * 43},
        {"state": ""},
        {"code": None},
        {"code": ""},
        {"code": "x"},
        {"iss": "https://id.example.com"},
        {"iss": None},
        {"error": "access_denied", "error_description": "<script>alert(1)</script>"},
    ],
    ids=str,
)
def test_a_way_back_that_is_not_right_lets_nobody_in(
    sso: Served, provider: Provider, answer: dict[str, str | None]
) -> None:
    provider.behave(answer=answer)
    with Browser(sso.url) as one:
        found = login(one, provider)
        assert found.status_code == 401
        assert "script>" not in found.text
        assert one.me() is None


def test_a_parameter_that_is_there_twice_is_none(sso: Served, provider: Provider) -> None:
    with Browser(sso.url) as one:
        assert one.get(f"{callback(one, provider)}&code=x", headers=FROM_AWAY).status_code == 401


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({"issuer": "https://id.example.com"}, 401),
        ({"issuer": None}, 401),
        ({"token_endpoint": "http://id.example.com/token"}, 401),
        ({"jwks_uri": "file:///etc/passwd"}, 401),
        ({"authorization_endpoint": 7}, 401),
    ],
)
def test_a_provider_that_says_it_is_another_is_not_asked(
    sso: Served, provider: Provider, metadata: dict[str, Any], status: int
) -> None:
    provider.behave(metadata=metadata)
    with Browser(sso.url) as one:
        assert one.get("/oidc/start").status_code == status


def test_a_provider_that_is_away_is_told_in_a_line_and_comes_back(sso: Served, provider: Provider) -> None:
    provider.behave(status={"/.well-known/openid-configuration": 503})
    with Browser(sso.url) as one:
        answer = one.get("/oidc/start")
        assert answer.status_code == 502
        assert "does not answer" in answer.text
        provider.behave()
        assert login(one, provider).status_code == 303


def test_who_has_no_role_is_told_so_and_not_let_in(sso: Served, provider: Provider) -> None:
    provider.behave(claims={"groups": ["staff", "admin", "approver"]})
    with Browser(sso.url) as one:
        answer = login(one, provider)
        assert answer.status_code == 403
        assert "no role at this desk" in answer.text
        assert one.me() is None
    assert [(person, detail["why"]) for person, detail in sso.audit.of("login.failed")] == [("oidc:u-17", "no role")]


def test_a_name_cannot_make_somebody_another(sso: Served, provider: Provider) -> None:
    provider.behave(
        claims={"name": "<b>eve</b>\n", "email": "eve@example.com", "preferred_username": "eve", "sub": "eve"}
    )
    with Browser(sso.url) as one:
        assert login(one, provider).status_code == 303
        me = one.me()
        assert me is not None
        assert (me["id"], me["name"]) == ("oidc:eve", "<b>eve</b>")


def test_a_login_ends_the_session_before_it(sso: Served, provider: Provider) -> None:
    with Browser(sso.url) as one:
        login(one, provider)
        before = one.cookie()
        login(one, provider)
        with Browser(sso.url) as thief:
            thief.cookies.set("handrail-desk", before or "", domain="127.0.0.1", path="/")
            assert thief.me() is None
        assert one.me() is not None


def test_other_groups_in_the_settings_end_sessions(provider: Provider, elsewhere: Path) -> None:
    with served(SecuritySettings.of(options(provider, elsewhere)), elsewhere / "data") as up, Browser(up.url) as one:
        login(one, provider)
        secret = one.cookie()
    fewer = SecuritySettings.of(options(provider, elsewhere, oidc_roles={"desk-leads": ["agent"]}))
    with served(fewer, elsewhere / "data") as up, Browser(up.url) as one:
        one.cookies.set("handrail-desk", secret or "", domain="127.0.0.1", path="/")
        assert one.me() is None


@pytest.mark.parametrize("more", [{"token_endpoint_auth_methods_supported": ["client_secret_post"]}, {}])
def test_the_secret_is_sent_as_the_provider_wants_it(sso: Served, provider: Provider, more: dict[str, Any]) -> None:
    provider.behave(metadata=more)
    with Browser(sso.url) as one:
        assert login(one, provider).status_code == 303


def test_a_wrong_secret_lets_nobody_in(provider: Provider, elsewhere: Path) -> None:
    settings = SecuritySettings.of(options(provider, elsewhere))
    (elsewhere / "client.secret").write_text("wrong")
    with served(settings, elsewhere / "data") as up, Browser(up.url) as one:
        assert login(one, provider).status_code == 401


def test_a_client_without_a_secret(provider: Provider, elsewhere: Path) -> None:
    provider.behave(public=True)
    settings = SecuritySettings.of(options(provider, elsewhere, oidc_client_secret=None))
    with served(settings, elsewhere / "data") as up, Browser(up.url) as one:
        assert login(one, provider).status_code == 303


def test_a_secret_that_cannot_be_read_stops_the_start(provider: Provider, elsewhere: Path) -> None:
    settings = SecuritySettings.of(options(provider, elsewhere, oidc_client_secret=elsewhere / "none"))
    with pytest.raises(ConfigError, match="oidc_client_secret: "), served(settings, elsewhere / "data"):
        pass


def test_local_users_do_not_count_beside_it_unless_their_file_is_named(provider: Provider, elsewhere: Path) -> None:
    write_users(elsewhere / "data" / "desk-users.json", anna=["admin"])
    with served(SecuritySettings.of(options(provider, elsewhere)), elsewhere / "data") as up, Browser(up.url) as one:
        one.get("/login")
        token = token_of(one.cookie("handrail-login") or "")  # the page has no form to take it from
        fields = {"csrf": token, "user": "anna", "password": PASSWORD}
        assert one.send_form("/login", fields).status_code == 401
        assert one.me() is None
    named = options(provider, elsewhere, desk_users=elsewhere / "data" / "desk-users.json")
    with served(SecuritySettings.of(named), elsewhere / "data") as up, Browser(up.url) as one:
        assert one.login("anna").status_code == 303


def test_behind_a_proxy_the_way_back_is_the_address_that_people_type(provider: Provider, elsewhere: Path) -> None:
    settings = SecuritySettings.of(options(provider, elsewhere, desk_url="https://desk.example.com"))
    with served(settings, elsewhere / "data") as up, Browser(up.url) as one:
        out = one.get("/oidc/start", headers={"Host": "desk.example.com", "X-Forwarded-Host": "evil.example"})
        asked = parse_qs(urlsplit(out.headers["location"]).query)
        assert asked["redirect_uri"] == ["https://desk.example.com/oidc/callback"]


def test_without_a_provider_there_is_no_such_page(desk: Served) -> None:
    with Browser(desk.url) as one:
        assert one.get("/oidc/start").status_code == 404
        assert one.get("/oidc/callback?state=x&code=y").status_code == 404


@pytest.mark.parametrize(
    ("claims", "claim", "roles"),
    [
        ({"groups": ["a", "b"]}, "groups", {"agent", "approver", "reader"}),
        ({"groups": "a"}, "groups", {"agent", "reader"}),
        ({"realm_access": {"roles": ["b"]}}, "realm_access.roles", {"approver", "reader"}),
        ({"https://x.example/roles": ["a"]}, "https://x.example/roles", {"agent", "reader"}),
        ({"groups": ["boss"]}, "groups", {"reader", "agent", "approver", "revealer", "admin"}),
        ({"groups": [["a"], {"a": 1}, None, 7]}, "groups", set()),
        ({"groups": {"a": True}}, "groups", set()),
        ({}, "groups", set()),
        ({"realm_access": ["a"]}, "realm_access.roles", set()),
    ],
)
def test_groups_become_roles(claims: dict[str, Any], claim: str, roles: set[str]) -> None:
    mapping = {"a": ["agent"], "b": ["approver"], "boss": ["admin"]}
    assert roles_of(claims, claim, mapping) == roles


def test_who_has_no_name_is_shown_by_id() -> None:
    assert shown_name({"sub": "u-1", "name": " ", "email": 7}) == "oidc:u-1"


def test_the_clock_of_tests_is_that_of_the_machine() -> None:
    assert abs(Clock()() - time.time()) < 60
