"""How Handrail logs in to Kafka: one group of settings, and what aiokafka's clients are given for it.

Secrets come from files and commands only. None is in a setting, a `repr`, a pickle, an error or a log.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, Field, ValidationError

from handrail.kafka import sasl
from handrail.kafka.secret_file import secret
from handrail.kafka.tls import RenewedContext
from handrail.kafka.token import TokenCommand
from handrail.schemas.errors import ConfigError

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
PASSWORDS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
# Who says who it is by what.
USED: dict[str | None, tuple[str, ...]] = {
    **dict.fromkeys(PASSWORDS, ("kafka_username", "kafka_password_file")),
    "OAUTHBEARER": ("kafka_token_command",),
    None: (),
}
IN_THE_CLEAR = ("PLAIN", "OAUTHBEARER")  # SCRAM proves that it knows the password, and does not send it
# As other clients call these settings; whoever copies them from there is told the name.
ELSEWHERE = ("security_protocol", "sasl_mechanism", "ssl_cafile", "ssl_certfile", "ssl_keyfile", "ssl_context")


class LoginSettings(BaseModel, frozen=True, extra="ignore"):
    """The settings, in the usual order of options; any class of settings can have them beside its own."""

    kafka_security_protocol: Protocol = Field("PLAINTEXT", description="how brokers are spoken to")
    kafka_sasl_mechanism: Mechanism | None = Field(None, description="how SASL_SSL and SASL_PLAINTEXT log in")
    kafka_username: str | None = Field(None, min_length=1, description="of PLAIN and SCRAM")
    kafka_password_file: Path | None = Field(None, description="file of its password, on one line")
    kafka_token_command: str | None = Field(None, min_length=1, description="prints a token for OAUTHBEARER")
    kafka_ca_file: Path | None = Field(None, description="PEM of the brokers' authority; without it the system's")
    kafka_cert_file: Path | None = Field(None, description="PEM of this client's certificate, for mutual TLS")
    kafka_key_file: Path | None = Field(None, description="PEM of its key")


@dataclass(frozen=True, slots=True)
class Login:
    """A login that is ready: files were read, and fit. Two of the same settings are equal.

    A pickle of it holds the settings alone; who unpacks it reads the files again.
    """

    settings: LoginSettings
    _password: str | None = field(default=None, repr=False, compare=False)
    _token: TokenCommand | None = field(default=None, repr=False, compare=False)
    _tls: RenewedContext | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of(cls, settings: LoginSettings) -> Self:
        """The login of these settings. Raises ConfigError, which names the setting that is wrong."""
        settings = LoginSettings(**{name: getattr(settings, name) for name in LoginSettings.model_fields})
        check(settings)
        sasl.install()
        password = settings.kafka_password_file and secret("kafka_password_file", settings.kafka_password_file)
        token = settings.kafka_token_command and TokenCommand(settings.kafka_token_command)
        tls = None
        if settings.kafka_security_protocol.endswith("SSL"):
            tls = RenewedContext(settings.kafka_ca_file, settings.kafka_cert_file, settings.kafka_key_file)
        return cls(settings, password or None, token or None, tls)

    @classmethod
    def from_settings(cls, **given: Any) -> Self:
        """The login of these settings by name, for programs that have no other. Raises ConfigError."""
        refuse_unknown(given, every=True)
        try:
            return cls.of(LoginSettings(**given))
        except ValidationError as error:
            raise ConfigError("; ".join(_line(mistake) for mistake in error.errors())) from None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """The login of `HANDRAIL_KAFKA_…`; without any of them PLAINTEXT, as nobody. Raises ConfigError."""
        named = {name.lower().removeprefix("handrail_"): value for name, value in environment.items()}
        return cls.from_settings(**{name: value for name, value in named.items() if name.startswith("kafka_")})

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).of, (self.settings,)

    @property
    def protocol(self) -> Protocol:
        """PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
        return self.settings.kafka_security_protocol

    @property
    def mechanism(self) -> Mechanism | None:
        """SASL's; None without SASL."""
        return self.settings.kafka_sasl_mechanism

    @property
    def token(self) -> TokenCommand | None:
        """Gives the tokens of OAUTHBEARER."""
        return self._token

    @property
    def tls(self) -> RenewedContext | None:
        """The context of each connection; None without TLS."""
        return self._tls

    def options(self) -> dict[str, Any]:
        """What aiokafka's producer, consumer, admin client and connections take, beside the address."""
        arguments: dict[str, Any] = {"security_protocol": self.protocol}
        if self._tls is not None:
            arguments["ssl_context"] = self._tls
        if self.mechanism is not None:
            arguments["sasl_mechanism"] = self.mechanism
        if self.mechanism in PASSWORDS:
            arguments |= {"sasl_plain_username": self.settings.kafka_username, "sasl_plain_password": self._password}
        if self._token is not None:
            arguments["sasl_oauth_token_provider"] = self._token
        return arguments


def check(settings: LoginSettings) -> None:
    """Raises ConfigError where settings miss or contradict each other."""
    for wrong in (_sasl, _credentials, _tls):
        if why := wrong(settings):
            raise ConfigError(why)


def refuse_unknown(names: Iterable[str], *, every: bool = False) -> None:
    """Raises ConfigError for a name that looks like one of this group's and is none, or for `every` that is none.

    A value is not told, it may be a secret.
    """
    for name in names:
        ours = every or name.startswith("kafka_") or name.replace(".", "_").lower() in ELSEWHERE
        if ours and name not in LoginSettings.model_fields:
            raise ConfigError(f"{name}: no such setting: use {', '.join(LoginSettings.model_fields)}")


def _line(mistake: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in mistake["loc"])
    return f"{name}: {mistake['msg'].replace('Input should be', 'must be')}, got {mistake['input']!r}"


def _sasl(settings: LoginSettings) -> str | None:
    protocol, mechanism = settings.kafka_security_protocol, settings.kafka_sasl_mechanism
    if protocol.startswith("SASL") and mechanism is None:
        return f"kafka_security_protocol: {protocol} needs kafka_sasl_mechanism: {', '.join(PASSWORDS)} or OAUTHBEARER"
    if mechanism is not None and not protocol.startswith("SASL"):
        return f"kafka_sasl_mechanism: {mechanism} needs kafka_security_protocol SASL_SSL, which is {protocol}"
    if protocol == "SASL_PLAINTEXT" and mechanism in IN_THE_CLEAR:
        return (
            f"kafka_security_protocol: SASL_PLAINTEXT would send the secret of {mechanism} in the clear: use SASL_SSL"
        )
    return None


def _credentials(settings: LoginSettings) -> str | None:
    mechanism = settings.kafka_sasl_mechanism
    for name in ("kafka_username", "kafka_password_file", "kafka_token_command"):
        used, there = name in USED[mechanism], getattr(settings, name) is not None
        if used and not there:
            return f"kafka_sasl_mechanism: {mechanism} needs {name}"
        if there and not used:
            by = " or ".join(other for other, names in USED.items() if other is not None and name in names)
            selected = mechanism or settings.kafka_security_protocol
            return f"{name}: not used with {selected}: leave it out, or set kafka_sasl_mechanism to {by}"
    return None


def _tls(settings: LoginSettings) -> str | None:
    files = {name: getattr(settings, name) for name in ("kafka_ca_file", "kafka_cert_file", "kafka_key_file")}
    if not settings.kafka_security_protocol.endswith("SSL"):
        name = next((name for name, path in files.items() if path is not None), None)
        protocols = "SSL or SASL_SSL"
        return name and f"{name}: not used with {settings.kafka_security_protocol}: use {protocols}, or leave it out"
    if (files["kafka_cert_file"] is None) != (files["kafka_key_file"] is None):
        there, missing = sorted(("kafka_cert_file", "kafka_key_file"), key=lambda name: files[name] is None)
        return f"{there}: needs {missing} too"
    return None
