"""The table of `docs/security.md`: each mistake is made against the secured cluster, and said as it stands there."""

import asyncio
import datetime
import re
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiokafka.admin import NewTopic
from aiokafka.errors import KafkaError, for_code

from handrail.kafka.cluster import Cluster
from handrail.kafka.knock import knock, why
from handrail.kafka.rights import CLUSTER, Right
from handrail.schemas.topics import AGENT_EVENTS, DECISIONS
from infra.kafka.authority import Authority
from infra.kafka.secured import SecuredCluster
from tests.infra import ROOT
from tests.secured.clients import admin_of, get, put

pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.apache]

PAGE = ROOT / "docs" / "security.md"
Made = Callable[[SecuredCluster], Cluster]
ANSWER_S_MAX = 15


def table() -> dict[str, str]:
    rows = re.findall(r"^\| (.+?) \| `(broker .+?)` \|$", PAGE.read_text(), re.MULTILINE)
    return dict(rows)


def _listener(name: str, protocol: str, **given: object) -> Made:
    return lambda cluster: cluster.at(cluster.addresses(name), protocol, **given)


def _password(cluster: SecuredCluster, mechanism: str) -> Cluster:
    """Of a user that there is, with a password that is wrong."""
    file = cluster.folder / "wrong.password"
    file.touch(mode=0o600)
    file.write_text("not-tiger-17")
    return cluster.scram("agent", mechanism, kafka_password_file=file)


def _certificate(cluster: SecuredCluster, authority: Authority, life_days: float = 1, **more: object) -> Cluster:
    """Shown to the listener that asks for one; `more`: settings of a login beside it."""
    mine = authority.certificate("agent", life=datetime.timedelta(days=life_days))
    given = {"kafka_cert_file": mine.cert, "kafka_key_file": mine.key, **more}
    return cluster.at(cluster.addresses("SSL"), "SASL_SSL" if more else "SSL", **given)


def _named(cluster: SecuredCluster) -> dict[str, object]:
    found = cluster.scram("agent").login.settings
    return {name: getattr(found, name) for name in ("kafka_sasl_mechanism", "kafka_username", "kafka_password_file")}


def _other_authority(cluster: SecuredCluster) -> Authority:
    return Authority(cluster.folder / "other")


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Somebody listens, and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        at = f"127.0.0.1:{listening.getsockname()[1]}"
        monkeypatch.setitem(CONNECTING, "who listens does not answer", lambda cluster: cluster.at(at, "PLAINTEXT"))
        yield


CONNECTING: dict[str, Made] = {
    "nothing listens there": lambda cluster: cluster.at("127.0.0.1:1", "PLAINTEXT"),
    "no such host": lambda cluster: cluster.at("kafka.invalid:9093", "PLAINTEXT"),
    "who listens does not answer": lambda cluster: cluster.at("of the fixture", "PLAINTEXT"),
    "TLS to a listener without": lambda cluster: cluster.at(cluster.bootstrap, "SSL"),
    "no TLS to a listener with it": _listener("SSL", "PLAINTEXT"),
    "TLS, but no login, to a listener that asks for one": _listener("SASL_SSL", "SSL"),
    "a login to a listener that asks for none": lambda cluster: _certificate(
        cluster, cluster.authority, **_named(cluster)
    ),
    "the broker's certificate has ended": _listener("LATE", "SSL"),
    "the broker's certificate is for another host": lambda cluster: cluster.at(
        cluster.addresses("SASL_SSL").replace("127.0.0.1", "localhost"), "SSL"
    ),
    "the broker's certificate is of an authority that is not in `kafka_ca_file`": lambda cluster: cluster.scram(
        "agent", kafka_ca_file=_other_authority(cluster).ca
    ),
    "the same, without a `kafka_ca_file`": lambda cluster: cluster.scram("agent", kafka_ca_file=None),
    "no certificate, to a listener that asks for one": _listener("SSL", "SSL"),
    "this client's certificate has ended": lambda cluster: _certificate(cluster, cluster.authority, -0.1),
    "this client's certificate is of another authority": lambda cluster: _certificate(
        cluster, _other_authority(cluster)
    ),
    "a wrong password (SCRAM)": lambda cluster: _password(cluster, "SCRAM-SHA-512"),
    "a wrong password (PLAIN)": lambda cluster: _password(cluster, "PLAIN"),
    "a token for another audience": lambda cluster: cluster.oauth(
        "agent", cluster.issuer.token("agent", aud="billing")
    ),
    "a token that has ended": lambda cluster: cluster.oauth("agent", cluster.issuer.token("agent", life_s=-60)),
    "a command that gives no token": lambda cluster: cluster.at(
        cluster.addresses("SASL_SSL"), "SASL_SSL", kafka_sasl_mechanism="OAUTHBEARER", kafka_token_command="false"
    ),
}

DONE: dict[str, tuple[Right, Callable[[Cluster], Awaitable[object]]]] = {
    "no right to write to a topic": (
        Right("topic", DECISIONS, "Write"),
        lambda cluster: put(cluster, DECISIONS, b"forged"),
    ),
    "no right to read a topic": (Right("topic", AGENT_EVENTS, "Read"), lambda cluster: get(cluster, AGENT_EVENTS)),
    "no right on a group": (Right("group", "handrail", "Read"), lambda cluster: _coordinator(cluster)),
    "no right to create topics": (Right("cluster", CLUSTER, "Create"), lambda cluster: _create(cluster)),
}


async def _coordinator(cluster: Cluster) -> None:
    async with admin_of(cluster) as admin:
        await admin.find_coordinator("handrail")


async def _create(cluster: Cluster) -> None:
    async with admin_of(cluster) as admin:
        answer = await admin.create_topics([NewTopic("elsewhere", 1, 1)])
        if code := answer.topic_errors[0][1]:
            raise for_code(code)("elsewhere")


def _shown(line: str, cluster: Cluster, secured: SecuredCluster) -> str:
    """As it stands in the table, which has no ports and folders of one run."""
    line = line.replace(cluster.bootstrap, "HOST:PORT").replace(f"{secured.folder}/", "/etc/handrail/")
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d|ended \d+ s", lambda found: re.sub(r"\d", "0", found[0]), line)


@pytest.mark.parametrize("what", CONNECTING)
@pytest.mark.usefixtures("silent")
async def test_what_keeps_a_client_out_is_told(secured: SecuredCluster, what: str) -> None:
    cluster = CONNECTING[what](secured)
    with pytest.raises(KafkaError) as raised:
        async with asyncio.timeout(ANSWER_S_MAX), admin_of(cluster):
            pass
    line = await why(raised.value, cluster)
    assert _shown(line, cluster, secured) == table()[what]
    assert "tiger" not in line
    assert "\n" not in line


@pytest.mark.parametrize("what", DONE)
async def test_what_a_principal_may_not_do_is_told(secured: SecuredCluster, what: str) -> None:
    asked, act = DONE[what]
    cluster = secured.scram("nobody")
    with pytest.raises(KafkaError) as raised:
        await act(cluster)
    assert _shown(await why(raised.value, cluster, asked), cluster, secured) == table()[what]


async def test_a_mechanism_that_the_listener_does_not_take_is_told(kafka_libs: Path) -> None:
    with SecuredCluster(["agent"], nodes=1, settings={"sasl.enabled.mechanisms": "PLAIN"}) as secured:
        cluster = secured.scram("agent")
        with pytest.raises(KafkaError) as raised:
            async with admin_of(cluster):
                pass
        line = await why(raised.value, cluster)
    assert _shown(line, cluster, secured) == table()["a mechanism that the listener does not take"]


def test_every_row_is_tried() -> None:
    assert table().keys() == {*CONNECTING, *DONE, "a mechanism that the listener does not take"}


async def test_who_is_let_in_has_nothing_in_the_way(secured: SecuredCluster) -> None:
    assert await knock(secured.scram("agent")) is None
