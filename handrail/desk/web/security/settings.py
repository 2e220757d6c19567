"""Who may come in, for how long, and at what address: the settings of the desk's login."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from handrail.desk.web.security.address import Address, normal
from handrail.desk.web.security.person import Role
from handrail.schemas.errors import ConfigError
from handrail.streams.settings import Settings

USERS_FILE = "desk-users.json"  # in the data folder
SESSIONS_FILE = "desk-sessions.db"  # in the data folder

Text = Annotated[str, StringConstraints(min_length=1)]


class SecuritySettings(Settings):
    """`desk_url` None: the desk is for this machine alone, over plain HTTP on loopback.

    Behind TLS, `desk_url` is the address that people type; it is what hosts, origins, cookies and the way back from
    the OIDC provider are checked against. Times in seconds.
    """

    desk_url: Text | None = Field(None, description="address that people type, such as https://desk.example.com")
    desk_proxies: Text | None = Field(
        None, description="addresses of the proxies whose X-Forwarded-For counts, with commas"
    )
    desk_users: Path | None = Field(None, description=f"file of the local users; without it DATA/{USERS_FILE}")
    desk_idle_s: float = Field(30 * 60, ge=60, le=86_400, description="a session ends after so long without a click")
    desk_session_s: float = Field(12 * 3600, ge=300, le=7 * 86_400, description="a session ends so long after login")
    desk_body_bytes_max: int = Field(256 * 1024, ge=4_096, le=16 * 1024**2, description="largest form or JSON sent")
    desk_logins_per_min: int = Field(10, ge=1, le=10_000, description="attempts to log in, per client address")
    desk_actions_per_min: int = Field(120, ge=1, le=100_000, description="claims and answers, per person")

    oidc_issuer: Text | None = Field(None, description="the OIDC provider, exactly as it names itself")
    oidc_client_id: Text | None = Field(None, description="what the provider calls the desk")
    oidc_client_secret: Path | None = Field(None, description="file of the client secret; without it a public client")
    oidc_scopes: Text = Field("openid profile email", description="what is asked for, with spaces")
    oidc_roles_claim: Text = Field("groups", description="claim of the ID token that names groups; a.b reaches inside")
    oidc_roles: dict[str, list[Role]] = Field(
        default_factory=dict, description="group of the provider: roles at the desk"
    )
    oidc_ca: Path | None = Field(None, description="certificates that the provider's TLS is checked against")
    oidc_proxy: Text | None = Field(None, description="HTTP proxy towards the provider")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.desk_idle_s > self.desk_session_s:
            raise ConfigError("desk_idle_s: must not be longer than desk_session_s: give a shorter one")
        if self.oidc_issuer is not None:
            _check_oidc(self)
        elif self.oidc_client_id is not None:
            raise ConfigError("oidc_issuer: is missing: give the provider's address beside oidc_client_id")
        _ = self.address
        return self

    @property
    def address(self) -> Address:
        """Where the desk is reached. Raises ConfigError."""
        return Address.of(self.desk_url)

    @property
    def cookie_secure(self) -> bool:
        """Cookies go over TLS only, everywhere but on loopback without TLS."""
        return self.address.secure

    def users_file(self, data: Path) -> Path:
        """The file of the local users."""
        return self.desk_users or data / USERS_FILE

    @property
    def local_login(self) -> bool:
        """Local users count; beside OIDC only where their file is named, so that nobody is two people by accident."""
        return self.oidc_issuer is None or self.desk_users is not None

    @property
    def proxies(self) -> frozenset[str]:
        """The addresses of the proxies whose word counts."""
        return frozenset(normal(proxy.strip()) for proxy in (self.desk_proxies or "").split(",") if proxy.strip())


def _check_oidc(settings: SecuritySettings) -> None:
    issuer = settings.oidc_issuer or ""
    if not Address.safe(issuer):
        raise ConfigError(f"oidc_issuer: must be https:// (http:// on loopback only), got {issuer!r}")
    if settings.oidc_client_id is None:
        raise ConfigError("oidc_client_id: is missing: give what the provider calls the desk")
    if "openid" not in settings.oidc_scopes.split():
        raise ConfigError(f"oidc_scopes: must have `openid`, got {settings.oidc_scopes!r}")
    if not settings.oidc_roles:
        raise ConfigError("oidc_roles: is empty, nobody could do anything: write {group: [reader, agent]}")
