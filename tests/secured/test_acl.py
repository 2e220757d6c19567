"""The table of rights against a real authorizer: each role can do what it does, and nothing that is another's."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka.errors import GroupAuthorizationFailedError, TopicAuthorizationFailedError
from click.testing import CliRunner

from handrail.acl.acls import Granted, acls_of
from handrail.acl.roles import GROUP, HOOKS_GROUP, ROLES, rights_of
from handrail.cli import main
from handrail.client import Client
from handrail.client.event import Event, EventContext
from handrail.kafka.allowed import lacking
from handrail.kafka.cluster import Cluster
from handrail.kafka.rights import Operation, Right
from handrail.schemas.topics import CATALOGUE, DECISIONS, POLICIES, RESOLUTIONS, STATES
from infra.kafka.secured import ADMIN, SecuredCluster
from tests.secured.clients import admin_of, get, put

pytestmark = [pytest.mark.long, pytest.mark.kafka, pytest.mark.apache]

TOPIC_RIGHTS: tuple[Operation, ...] = ("Read", "Write", "Create", "DescribeConfigs")
EVERY = [Right("topic", topic, operation) for topic in CATALOGUE for operation in TOPIC_RIGHTS]
GROUPS = [Right("group", name, "Read") for name in (GROUP, f"{HOOKS_GROUP}.zendesk", "another")]
AGREED_S_MAX = 15


def acl(secured: SecuredCluster, *words: str) -> tuple[int, str]:
    """Exit status and output of `handrail acl`, logged in as the administrator."""
    settings = secured.scram(ADMIN).login.settings
    login = [(f"--{name.replace('_', '-')}", str(getattr(settings, name))) for name in settings.model_fields_set]
    given = [word for name, value in login if value != "None" for word in (name, value)]
    done = CliRunner().invoke(main, ["acl", *words, "--bootstrap", secured.addresses("SASL_SSL"), *given])
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def roles(secured: SecuredCluster) -> SecuredCluster:
    """The cluster, where each role has its rights, and nobody has others."""
    for role in ROLES:
        status, output = acl(secured, role, "--apply", "--exactly")
        assert status == 0, output
    for topic in CATALOGUE:
        asyncio.run(put(secured.scram(), topic, b"there is one"))
    return secured


async def agreed(cluster: Cluster, rights: list[Right], expected: list[Right]) -> None:
    """The broker says that these are lacking, once it has heard of the last change."""
    until_s = time.monotonic() + AGREED_S_MAX
    while (found := list(await lacking(cluster, rights))) != expected and time.monotonic() < until_s:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    assert found == expected


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_do_what_it_does(roles: SecuredCluster, role: str) -> None:
    cluster, one = roles.scram(role), ROLES[role]
    await agreed(cluster, list(rights_of(role)), [])
    for topic in one.writes:
        await put(cluster, topic, b"written")
    for topic in one.reads:
        group = GROUP if one.group == "Read" else f"{HOOKS_GROUP}.zendesk" if one.hooks else None
        assert await get(cluster, topic, group) == b"there is one"
    if one.sees:
        async with admin_of(cluster) as admin:
            assert set(await admin.list_topics()) >= set(one.sees)


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_may_do_nothing_else(roles: SecuredCluster, role: str) -> None:
    has = rights_of(role)
    beyond = [right for right in (*EVERY, *GROUPS) if not any(one.covers(right) for one in has)]
    await agreed(roles.scram(role), [*EVERY, *GROUPS], beyond)


@pytest.mark.parametrize("topic", [DECISIONS, RESOLUTIONS, POLICIES, STATES])
async def test_an_agent_cannot_write_what_governs_it(roles: SecuredCluster, topic: str) -> None:
    with pytest.raises(TopicAuthorizationFailedError):
        await put(roles.scram("agent"), topic, b"forged")


@pytest.mark.parametrize("group", [GROUP, f"{HOOKS_GROUP}.zendesk"])
async def test_an_agent_cannot_read_as_another_group(roles: SecuredCluster, group: str) -> None:
    with pytest.raises(GroupAuthorizationFailedError):
        await get(roles.scram("agent"), DECISIONS, group)


@pytest.mark.parametrize("role", ROLES)
async def test_each_right_is_necessary(roles: SecuredCluster, role: str) -> None:
    """Without its entry it is lacking, for no other entry has it with it; and so is what else cannot be seen then."""
    principal, cluster, has = f"User:{role}", roles.scram(role), rights_of(role)
    async with acls_of(roles.scram()) as acls:
        for right in has:
            others = [one for one in has if one.name == right.name and one != right]
            seen = any(one.covers(Right(right.kind, right.name, "Describe", right.prefixed)) for one in others)
            await acls.remove([Granted(right, principal)])
            try:
                await agreed(cluster, list(has), [right] if seen else sorted([right, *others]))
            finally:
                await acls.add([Granted(right, principal)])
        await agreed(cluster, list(rights_of(role)), [])


async def test_what_is_missing_and_too_much_is_told(roles: SecuredCluster) -> None:
    missing, more = Right("topic", DECISIONS, "Read"), Granted(Right("topic", STATES, "Write"), "User:agent")
    async with acls_of(roles.scram()) as acls:
        await acls.remove([Granted(missing, "User:agent")])
        await acls.add([more])
        await acls.settled("User:agent", [more])
    status, output = await asyncio.to_thread(acl, roles, "agent", "--check")
    assert (status, output.splitlines()) == (1, [f"missing: {missing}", f"too much: {more}"])
    status, output = await asyncio.to_thread(acl, roles, "agent", "--apply", "--exactly")
    assert (status, output.splitlines()) == (0, [f"added: {missing}", f"removed: {more}"])
    status, output = await asyncio.to_thread(acl, roles, "agent", "--check")
    assert (status, output) == (0, "User:agent has the rights of agent, and no other\n")


async def test_who_is_no_administrator_is_told_what_it_takes(roles: SecuredCluster) -> None:
    settings = roles.scram("agent").login.settings
    words = [
        *("--kafka-security-protocol", "SASL_SSL", "--kafka-sasl-mechanism", "SCRAM-SHA-512"),
        *("--kafka-username", "agent", "--kafka-password-file", str(settings.kafka_password_file)),
        *("--kafka-ca-file", str(roles.authority.ca), "--bootstrap", roles.addresses("SASL_SSL")),
    ]
    done = await asyncio.to_thread(CliRunner().invoke, main, ["acl", "agent", "--check", *words])
    assert done.exit_code == 2
    assert "User:agent lacks Alter on the cluster: kafka-acls " in done.output
    assert len(done.output.splitlines()) == 1


@asynccontextmanager
async def client_of(cluster: Cluster) -> AsyncIterator[Client]:
    async with Client(cluster.bootstrap, security=cluster.connection()) as client:
        yield client


async def test_the_client_of_agents_works_with_an_agents_rights(roles: SecuredCluster) -> None:
    async with client_of(roles.scram("agent")) as client:
        partition = await client.connection.join("conv-1", 10)
        await client.connection.publish(_event(), asyncio.get_running_loop().time() + 10)
        client.connection.leave(partition)


async def test_an_executor_tells_and_reads_no_decision(roles: SecuredCluster) -> None:
    cluster = roles.scram("executor")
    async with client_of(cluster) as client:
        await client.connection.publish(_event(), asyncio.get_running_loop().time() + 10)
    with pytest.raises(TopicAuthorizationFailedError):
        await get(cluster, DECISIONS)


def _event() -> Event:
    return EventContext("refunds", "conv-1", "run-1", "/agents/refunds").event("execution.started", {})
