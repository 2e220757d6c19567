"""Apache Kafka that asks for a login: TLS, SCRAM, PLAIN, OAUTHBEARER, mutual TLS, and KRaft's authorizer.

Each node has four listeners beside the controller's: SASL_SSL, SSL that wants a certificate, LATE with a certificate
that has ended, and PLAINTEXT, over which nobody may do anything: it serves to see that the node is up, and what is said
to a client that comes with TLS.
"""

import datetime
import secrets
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from handrail.broker.ports import HOST, free_port
from handrail.kafka import cluster as kafka
from handrail.kafka.login import Login, LoginSettings
from infra.kafka.authority import Authority
from infra.kafka.cluster import Cluster
from infra.kafka.issuer import AUDIENCE, ISSUER, Issuer
from infra.kafka.node import Place

ADMIN, NODE = "admin", "node"
LISTENERS = ("SASL_SSL", "SSL", "LATE")
OAUTH = "org.apache.kafka.common.security.oauthbearer"
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
HEAP_MB = 384


class SecuredCluster(Cluster):
    """Three nodes, or one, with an authority and an issuer of tokens of their own.

    Parameters
    ----------
    users : iterable of str
        Who can log in by name and password, beside `admin`, who may do everything. By certificate or token anybody
        can; what they may do is another matter.
    settings : dict
        Settings of the nodes beside those here.
    """

    def __init__(self, users: Iterable[str] = (), nodes: int = 3, settings: dict[str, object] | None = None) -> None:
        super().__init__(nodes, HEAP_MB, short_lived=True)
        self._secrets = tempfile.TemporaryDirectory(prefix="handrail-secrets-")
        self.folder = Path(self._secrets.name)
        self.authority, self.issuer = Authority(self.folder), Issuer(self.folder)
        self.passwords = {user: secrets.token_hex(8) for user in (ADMIN, *users)}
        self._more = settings or {}
        # Its name is left out, so that it is another host for who uses that.
        self._store = self.authority.certificate(NODE, (HOST,)).store
        self._late = self.authority.certificate("late", (HOST,), -datetime.timedelta(hours=1)).store
        self.java_options = (f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={self.issuer.keys.as_uri()}",)
        self.format_options = tuple(
            word for user, password in self.passwords.items() for word in _scram(user, password)
        )

    def start(self) -> Self:
        """Return when every node lists all nodes. Raises ConfigError where that fails."""
        self._ports = {number: [free_port() for _ in LISTENERS] for number in range(self._count)}
        super().start()
        return self

    def stop(self) -> None:
        super().stop()
        self._secrets.cleanup()

    def addresses(self, listener: str) -> str:
        """Of all nodes: SASL_SSL, SSL, or LATE."""
        return ",".join(f"{HOST}:{ports[LISTENERS.index(listener)]}" for ports in self._ports.values())

    def scram(self, user: str = ADMIN, mechanism: str = "SCRAM-SHA-512", **more: Any) -> kafka.Cluster:
        """Of that user, by password; `more`: other settings of the login."""
        file = self.folder / f"{user}.password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(self.passwords.get(user, "wrong"))
        given = {"kafka_sasl_mechanism": mechanism, "kafka_username": user, "kafka_password_file": file}
        return self.at(self.addresses("SASL_SSL"), "SASL_SSL", **{**given, **more})

    def oauth(self, subject: str, token: str | None = None) -> kafka.Cluster:
        """Of that subject, by a token."""
        command = self.issuer.command(subject, token)
        return self.at(
            self.addresses("SASL_SSL"), "SASL_SSL", kafka_sasl_mechanism="OAUTHBEARER", kafka_token_command=command
        )

    def certified(self, name: str) -> kafka.Cluster:
        """Of that common name, by a certificate."""
        mine = self.authority.certificate(name)
        return self.at(self.addresses("SSL"), "SSL", kafka_cert_file=mine.cert, kafka_key_file=mine.key)

    def at(self, bootstrap: str, protocol: str, **given: Any) -> kafka.Cluster:
        """At that address, with these settings, and trusting this cluster's authority unless they say otherwise."""
        ca = {"kafka_ca_file": self.authority.ca} if protocol.endswith("SSL") else {}
        return kafka.Cluster(bootstrap, Login.of(LoginSettings(kafka_security_protocol=protocol, **{**ca, **given})))

    def settings(self, place: Place, places: list[Place]) -> dict[str, object]:
        ports = zip(("PLAINTEXT", *LISTENERS), (place.port, *self._ports[place.number]), strict=True)
        listeners = ",".join(f"{name}://{HOST}:{port}" for name, port in ports)
        return {
            **super().settings(place, places),
            "listeners": f"{listeners},CONTROLLER://{HOST}:{place.controller_port}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL,LATE:SSL,CONTROLLER:SSL",
            "inter.broker.listener.name": "SSL",
            **self._tls(),
            **self._logins(),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "false",
            "super.users": f"User:{NODE};User:{ADMIN}",
            **self._more,
        }

    def _tls(self) -> dict[str, object]:
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self._store,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.authority.ca,
            "listener.name.late.ssl.keystore.type": "PEM",
            "listener.name.late.ssl.keystore.location": self._late,
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.controller.ssl.client.auth": "required",
            "ssl.principal.mapping.rules": "RULE:^CN=([^,]+).*$/$1/",
        }

    def _logins(self) -> dict[str, object]:
        users = " ".join(f'user_{user}="{password}"' for user, password in self.passwords.items())
        name = "listener.name.sasl_ssl"
        return {
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
            f"{name}.plain.sasl.jaas.config": f"{PLAIN} {users};",
            f"{name}.scram-sha-256.sasl.jaas.config": SCRAM,
            f"{name}.scram-sha-512.sasl.jaas.config": SCRAM,
            f"{name}.oauthbearer.sasl.jaas.config": f"{OAUTH}.OAuthBearerLoginModule required;",
            f"{name}.oauthbearer.sasl.server.callback.handler.class": f"{OAUTH}.OAuthBearerValidatorCallbackHandler",
            # Of the listener, not of the mechanism. Without the validator signature and audience are not looked at.
            f"{name}.sasl.oauthbearer.jwt.validator.class": f"{OAUTH}.BrokerJwtValidator",
            f"{name}.sasl.oauthbearer.jwks.endpoint.url": self.issuer.keys.as_uri(),
            f"{name}.sasl.oauthbearer.expected.audience": AUDIENCE,
            f"{name}.sasl.oauthbearer.expected.issuer": ISSUER,
        }


def _scram(user: str, password: str) -> Iterable[str]:
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512"):
        yield from ("--add-scram", f"{mechanism}=[name={user},password={password}]")
