"""The secured cluster of the tests is secured: who comes in, and who does not."""

from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka.errors import KafkaError

from handrail.kafka.cluster import Cluster
from handrail.schemas.topics import AGENT_EVENTS, CATALOGUE
from infra.kafka.issuer import Issuer
from infra.kafka.secured import ADMIN, SecuredCluster
from tests.secured.clients import admin_of, create_topics, get, put

pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.apache]

LOGINS: dict[str, Callable[[SecuredCluster], Cluster]] = {
    "PLAIN": lambda cluster: cluster.scram(ADMIN, "PLAIN"),
    "SCRAM-SHA-256": lambda cluster: cluster.scram(ADMIN, "SCRAM-SHA-256"),
    "SCRAM-SHA-512": lambda cluster: cluster.scram(ADMIN, "SCRAM-SHA-512"),
    "OAUTHBEARER": lambda cluster: cluster.oauth(ADMIN),
    "mutual TLS": lambda cluster: cluster.certified(ADMIN),
}


async def test_three_nodes_take_each_login_and_survive_the_loss_of_one(kafka_libs: Path) -> None:
    with SecuredCluster(nodes=3) as cluster:
        await create_topics(cluster.scram(), [CATALOGUE[AGENT_EVENTS]], copies=3)
        for name, login in LOGINS.items():
            await put(login(cluster), AGENT_EVENTS, name.encode())
        cluster.nodes[1].kill()
        assert await put(cluster.scram(), AGENT_EVENTS, b"after the loss") == len(LOGINS)
        assert await get(cluster.oauth(ADMIN), AGENT_EVENTS, "readers") == b"PLAIN"


@pytest.mark.parametrize("name", LOGINS)
async def test_each_way_to_log_in_is_the_same_principal(secured: SecuredCluster, name: str) -> None:
    """Only `User:admin` may see topics that nobody was given."""
    async with admin_of(LOGINS[name](secured)) as admin:
        assert AGENT_EVENTS in await admin.list_topics()


@pytest.mark.parametrize("who", ["nobody by name", "nobody by certificate", "without a login"])
async def test_who_was_given_nothing_sees_nothing(secured: SecuredCluster, who: str) -> None:
    cluster = {
        "nobody by name": secured.scram("nobody"),
        "nobody by certificate": secured.certified("nobody"),
        "without a login": secured.at(secured.bootstrap, "PLAINTEXT"),
    }[who]
    async with admin_of(cluster) as admin:
        assert await admin.list_topics() == []


@pytest.mark.parametrize("what", ["ended", "of another audience", "of another issuer", "signed by another key"])
async def test_a_token_that_is_not_good_lets_nobody_in(secured: SecuredCluster, what: str, tmp_path: Path) -> None:
    token = {
        "ended": secured.issuer.token(ADMIN, life_s=-60),
        "of another audience": secured.issuer.token(ADMIN, aud="billing"),
        "of another issuer": secured.issuer.token(ADMIN, iss="https://elsewhere.test"),
        "signed by another key": Issuer(tmp_path).token(ADMIN),
    }[what]
    with pytest.raises(KafkaError):
        async with admin_of(secured.oauth(ADMIN, token)) as admin:
            await admin.list_topics()
