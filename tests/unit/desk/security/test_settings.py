"""Settings of the login: each mistake is one line."""

from pathlib import Path

import pytest

from handrail.desk.web.security import SecuritySettings
from handrail.schemas.errors import ConfigError

OIDC = {"oidc_issuer": "https://id.example.com", "oidc_client_id": "desk", "oidc_roles": {"agents": ["agent"]}}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"desk_url": "http://desk.example.com"}, "desk_url: must be https:// beyond this machine"),
        ({"desk_url": "https://desk.example.com/desk"}, "desk_url: must be https://HOST"),
        ({"desk_url": "desk.example.com"}, "desk_url: must be https://HOST"),
        ({"desk_url": "https://a:b@desk.example.com"}, "desk_url: must be https://HOST"),
        ({"desk_url": "https://[x"}, "desk_url: is no address"),
        ({"desk_idle_s": 90_000}, "--desk-idle-s: must be less than or equal to 86400"),
        ({"desk_idle_s": 7_200, "desk_session_s": 3_600}, "desk_idle_s: must not be longer than desk_session_s"),
        ({**OIDC, "oidc_issuer": "http://id.example.com"}, "oidc_issuer: must be https://"),
        ({**OIDC, "oidc_client_id": None}, "oidc_client_id: is missing"),
        ({**OIDC, "oidc_issuer": None}, "oidc_issuer: is missing"),
        ({**OIDC, "oidc_roles": None}, "oidc_roles: is empty"),
        ({**OIDC, "oidc_roles": {"agents": ["boss"]}}, "oidc_roles.agents.0 in handrail.yaml: must be 'reader'"),
        ({**OIDC, "oidc_scopes": "profile"}, "oidc_scopes: must have `openid`"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_to_do(options: dict[str, object], line: str) -> None:
    with pytest.raises(ConfigError) as found:
        SecuritySettings.of(options)
    assert line in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    ("url", "secure", "origin"),
    [
        (None, False, None),
        ("http://localhost:9470", False, "http://localhost:9470"),
        ("http://127.0.0.1:80/", False, "http://127.0.0.1"),
        ("http://[::1]:9470", False, "http://[::1]:9470"),
        ("https://Desk.Example.com", True, "https://desk.example.com"),
        ("https://desk.example.com:443", True, "https://desk.example.com"),
        ("https://localhost:8443", True, "https://localhost:8443"),
    ],
)
def test_cookies_are_for_tls_everywhere_but_on_loopback_without_it(
    url: str | None, secure: bool, origin: str | None
) -> None:
    settings = SecuritySettings.of({"desk_url": url})
    assert settings.cookie_secure is secure
    assert settings.address.origin == origin


def test_groups_come_from_the_file_and_from_the_environment(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["oidc_issuer: https://id.example.com", "oidc_client_id: desk", "oidc_roles:", "  desk-agents: [agent]"]
    (elsewhere / "handrail.yaml").write_text("\n".join(lines))
    assert SecuritySettings.of({}).oidc_roles == {"desk-agents": ["agent"]}
    monkeypatch.setenv("HANDRAIL_OIDC_ROLES", '{"leads": ["agent", "approver"]}')
    assert SecuritySettings.of({}).oidc_roles["leads"] == ["agent", "approver"]


def test_beside_oidc_local_users_count_only_where_their_file_is_named() -> None:
    assert SecuritySettings.of({}).local_login
    assert not SecuritySettings.of(OIDC).local_login
    assert SecuritySettings.of({**OIDC, "desk_users": "users.json"}).local_login


def test_the_users_are_in_the_data_folder_or_where_they_are_said_to_be() -> None:
    assert SecuritySettings.of({}).users_file(Path("data")) == Path("data/desk-users.json")
    assert SecuritySettings.of({"desk_users": "/etc/u.json"}).users_file(Path("data")) == Path("/etc/u.json")
