"""The login to Kafka: what is refused and in which words, what aiokafka and Faust are given, and where no secret is."""

import asyncio
import logging
import pickle
from pathlib import Path
from typing import Any

import pytest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.admin import SaslAuthenticateRequest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from handrail.kafka.cluster import Cluster
from handrail.kafka.login import Login, LoginSettings, refuse_unknown
from handrail.schemas.errors import ConfigError
from handrail.streams.engine.credentials import credentials_of
from handrail.streams.settings import Settings
from infra.kafka.authority import Authority

SECRET = "tiger-17"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with all files that a login may name, and it is the working folder."""
    monkeypatch.chdir(tmp_path)
    authority = Authority(tmp_path)
    authority.certificate("agent")
    authority.certificate("other")
    for name, text in (("password", f"{SECRET}\n"), ("empty", ""), ("two", f"{SECRET}\nmore\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    encrypted = tmp_path / "encrypted.key"
    encrypted.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n")
    encrypted.chmod(0o600)
    (tmp_path / "junk.pem").write_text("no certificate")
    for name, mode in (("open", 0o644), ("group", 0o620), ("fsgroup", 0o440)):
        (tmp_path / name).write_text(SECRET)
        (tmp_path / name).chmod(mode)
    return tmp_path


def login(**given: Any) -> Login:
    return Login.of(LoginSettings(**{f"kafka_{name}": value for name, value in given.items()}))


SCRAM = {"security_protocol": "SASL_SSL", "sasl_mechanism": "SCRAM-SHA-512", "username": "agent"}
PLAIN = {**SCRAM, "sasl_mechanism": "PLAIN", "password_file": "password", "ca_file": "ca.pem"}
OAUTH = {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER", "ca_file": "ca.pem"}
MUTUAL = {"security_protocol": "SSL", "ca_file": "ca.pem", "cert_file": "agent.pem", "key_file": "agent.key"}

REFUSED: list[tuple[dict[str, str], str]] = [
    (
        {"security_protocol": "SASL_SSL"},
        "kafka_security_protocol: SASL_SSL needs kafka_sasl_mechanism: "
        "PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
    ),
    (
        {"sasl_mechanism": "PLAIN"},
        "kafka_sasl_mechanism: PLAIN needs kafka_security_protocol SASL_SSL, which is PLAINTEXT",
    ),
    (
        {**PLAIN, "security_protocol": "SASL_PLAINTEXT"},
        "kafka_security_protocol: SASL_PLAINTEXT would send the secret of PLAIN in the clear: use SASL_SSL",
    ),
    (SCRAM, "kafka_sasl_mechanism: SCRAM-SHA-512 needs kafka_password_file"),
    (
        {"username": "agent"},
        "kafka_username: not used with PLAINTEXT: leave it out, or set kafka_sasl_mechanism to "
        "PLAIN or SCRAM-SHA-256 or SCRAM-SHA-512",
    ),
    (
        {**SCRAM, "password_file": "password", "token_command": "true"},
        "kafka_token_command: not used with SCRAM-SHA-512: leave it out, or set kafka_sasl_mechanism to OAUTHBEARER",
    ),
    (OAUTH, "kafka_sasl_mechanism: OAUTHBEARER needs kafka_token_command"),
    (
        {**OAUTH, "token_command": "true", "username": "agent"},
        "kafka_username: not used with OAUTHBEARER: leave it out, or set kafka_sasl_mechanism to "
        "PLAIN or SCRAM-SHA-256 or SCRAM-SHA-512",
    ),
    ({**OAUTH, "token_command": "a 'b"}, "kafka_token_command: No closing quotation: write it as for a shell"),
    ({"ca_file": "ca.pem"}, "kafka_ca_file: not used with PLAINTEXT: use SSL or SASL_SSL, or leave it out"),
    ({"security_protocol": "SSL", "cert_file": "agent.pem"}, "kafka_cert_file: needs kafka_key_file too"),
    ({"security_protocol": "SSL", "key_file": "agent.key"}, "kafka_key_file: needs kafka_cert_file too"),
    (
        {**MUTUAL, "key_file": "other.key"},
        "kafka_key_file: other.key: does not fit the certificate of kafka_cert_file agent.pem: give its key",
    ),
    (
        {**MUTUAL, "key_file": "encrypted.key"},
        "kafka_key_file: encrypted.key: the key is encrypted: give one without a passphrase, of mode 600",
    ),
    (
        {**MUTUAL, "key_file": "open"},
        "kafka_key_file: open: readable by everybody (mode 644): chmod 600, or 440 for a group",
    ),
    (
        {**MUTUAL, "cert_file": "junk.pem"},
        "kafka_cert_file junk.pem, kafka_key_file agent.key: no certificate or no key in PEM: give both in PEM",
    ),
    (
        {**MUTUAL, "ca_file": "junk.pem"},
        "kafka_ca_file: junk.pem: no certificate in PEM: give the authority's certificate",
    ),
    (
        {**MUTUAL, "ca_file": "gone.pem"},
        "kafka_ca_file: gone.pem: No such file or directory: give a file that this process can read",
    ),
    (
        {**PLAIN, "password_file": "gone"},
        "kafka_password_file: gone: No such file or directory: give a file that this process can read",
    ),
    (
        {**PLAIN, "password_file": "open"},
        "kafka_password_file: open: readable by everybody (mode 644): chmod 600, or 440 for a group",
    ),
    (
        {**PLAIN, "password_file": "group"},
        "kafka_password_file: group: writable by its group (mode 620): chmod 600, or 440 for a group",
    ),
    ({**PLAIN, "password_file": "empty"}, "kafka_password_file: empty: empty: write the secret alone, on one line"),
    (
        {**PLAIN, "password_file": "two"},
        "kafka_password_file: two: more than one line, or what cannot be printed: write the secret alone, on one line",
    ),
]


@pytest.mark.parametrize(("given", "line"), REFUSED, ids=[line[:60] for _, line in REFUSED])
def test_what_cannot_log_in_is_refused_by_name(files: Path, given: dict[str, str], line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        login(**given)
    assert str(refused.value) == line


def test_a_file_that_a_group_may_read_is_taken(files: Path) -> None:
    assert login(**{**PLAIN, "password_file": "fsgroup"}).options()["sasl_plain_password"] == SECRET


def test_settings_come_from_option_environment_and_file(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Both(Settings, LoginSettings):
        bootstrap: str = "127.0.0.1:9092"

    (files / "handrail.yaml").write_text(
        "kafka_security_protocol: SASL_SSL\nkafka_sasl_mechanism: PLAIN\nkafka_username: of-the-file\n"
        "kafka_password_file: password\n"
    )
    monkeypatch.setenv("HANDRAIL_KAFKA_SASL_MECHANISM", "SCRAM-SHA-256")
    settings = Both.of({"kafka_username": "of-the-option", "kafka_ca_file": Path("ca.pem")})
    opened = Login.of(settings)
    assert opened.options() == {
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "of-the-option",
        "sasl_plain_password": SECRET,
        "ssl_context": opened.tls,
    }
    monkeypatch.setenv("HANDRAIL_KAFKA_SASL_MECHANISM", "GSSAPI")
    with pytest.raises(ConfigError, match=r"^HANDRAIL_KAFKA_SASL_MECHANISM or kafka_sasl_mechanism in handrail.yaml: "):
        Both.of({})


def test_a_program_without_the_server_logs_in_by_name_or_by_the_environment(files: Path) -> None:
    named = Login.from_settings(**{f"kafka_{name}": value for name, value in PLAIN.items()})
    environment = {f"HANDRAIL_KAFKA_{name.upper()}": value for name, value in PLAIN.items()}
    assert named == Login.from_environment({**environment, "PATH": "/"}) == login(**PLAIN)
    assert Login.from_environment({"HANDRAIL_BOOTSTRAP": "a:1"}).options() == {"security_protocol": "PLAINTEXT"}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"kafka_sasl_mechanism": "GSSAPI"}, "kafka_sasl_mechanism: must be 'PLAIN', 'SCRAM-SHA-256', "),
        ({"kafka_password": SECRET}, "kafka_password: no such setting: use kafka_security_protocol, "),
        ({"bootstrap": "a:1"}, "bootstrap: no such setting: use kafka_security_protocol, "),
    ],
)
def test_what_such_a_program_says_wrong_is_one_line(given: dict[str, str], line: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Login.from_settings(**given)
    assert str(refused.value).startswith(line)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "name", ["kafka_password", "kafka_usernam", "security_protocol", "sasl.mechanism", "ssl_cafile"]
)
def test_a_setting_that_there_is_none_of_is_refused(name: str) -> None:
    refuse_unknown(["bootstrap", "kafka_username"])
    with pytest.raises(ConfigError, match=rf"^{name}: no such setting: use kafka_security_protocol, "):
        refuse_unknown([name])


@pytest.mark.parametrize(
    "given",
    [
        {},
        PLAIN,
        {**PLAIN, "sasl_mechanism": "SCRAM-SHA-256"},
        {**PLAIN, "sasl_mechanism": "SCRAM-SHA-512"},
        {**OAUTH, "token_command": "echo token"},
        MUTUAL,
        {"security_protocol": "SSL"},
        {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-512",
            "username": "agent",
            "password_file": "password",
        },
    ],
)
def test_faust_makes_of_it_what_all_others_are_given(files: Path, given: dict[str, str]) -> None:
    opened = login(**given)
    made = dict(credentials_to_aiokafka_auth(credentials_of(opened)))
    assert {name: value for name, value in made.items() if value is not None} == opened.options()
    assert SECRET not in repr(credentials_of(opened))


def test_aiokafka_takes_the_arguments(files: Path) -> None:
    async def connection() -> AIOKafkaConnection:
        return AIOKafkaConnection("127.0.0.1", 1, **Cluster("127.0.0.1:1", login(**PLAIN)).connection())

    assert asyncio.run(connection())._security_protocol == "SASL_SSL"
    given = Cluster("a:1,b:2", login(**PLAIN)).client()
    assert given["bootstrap_servers"] == "a:1,b:2"
    assert given["sasl_plain_username"] == "agent"


def test_two_logins_of_the_same_settings_are_one_key(files: Path) -> None:
    first, second = Cluster("a:1", login(**PLAIN)), Cluster("a:1", login(**PLAIN))
    assert first == second
    assert len({first, second, Cluster("a:1")}) == 2


def test_the_secret_is_in_no_repr_pickle_or_log(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    opened = login(**PLAIN)
    packed = pickle.dumps(Cluster("a:1", opened))
    for text in (repr(opened), str(Cluster("a:1", opened)), repr(opened.settings), repr(packed)):
        assert SECRET not in text
    assert pickle.loads(packed).client()["sasl_plain_password"] == SECRET
    log = logging.getLogger("aiokafka.conn")
    with caplog.at_level(logging.DEBUG, "aiokafka.conn"):
        request = SaslAuthenticateRequest(f"\0agent\0{SECRET}".encode()).prepare({36: (0, 1)})
        assert SECRET in str(request)
        log.debug("Request to %s:%d %d: %s", "a", 1, 1, request)  # as aiokafka.conn writes it
        log.debug("Request to %s:%d %d: %s", "a", 1, 1, "another one")
    assert "another one" in caplog.text
    assert SECRET not in caplog.text
