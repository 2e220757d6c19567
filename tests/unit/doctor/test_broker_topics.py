"""Topics that are not as they should be, from what a broker says of them."""

from types import SimpleNamespace
from typing import Any

import pytest

from handrail.doctor.broker import Broker, check_topics
from handrail.doctor.line import Line
from handrail.schemas.topics import AGENT_EVENTS, CATALOGUE, DECISIONS, HANDOFFS


class Described:
    """What the admin client answers: every topic as it should be, with the changes of a test."""

    def __init__(self) -> None:
        self.copies = 3
        self.counts = {name: topic.partitions for name, topic in CATALOGUE.items()}
        self.configs = {name: topic.configs() for name, topic in CATALOGUE.items()}
        self.leaders: dict[str, int] = {}
        self.in_sync: dict[str, int] = {}

    async def describe_topics(self) -> list[dict[str, Any]]:
        return [{"topic": name, "partitions": [self._partition(name)] * n} for name, n in self.counts.items()]

    def _partition(self, name: str) -> dict[str, Any]:
        copies = list(range(self.copies))
        return {"leader": self.leaders.get(name, 0), "replicas": copies, "isr": copies[: self.in_sync.get(name, 9)]}

    async def describe_configs(self, asked: list[Any]) -> list[Any]:
        resources = [(0, "", 2, one.name, [*self.configs[one.name].items()]) for one in asked]
        return [SimpleNamespace(resources=resources)]


@pytest.fixture
def described() -> Described:
    return Described()


async def looked(described: Described) -> list[Line]:
    return await check_topics(Broker(described, "c-1", 3))  # type: ignore[arg-type]


async def test_all_as_they_should_be_is_one_line(described: Described) -> None:
    (line,) = await looked(described)
    assert (line.status, line.message, line.remedy) == ("ok", "10 of 10 are as they should be", "")


async def test_fewer_than_three_copies_are_a_note(described: Described) -> None:
    described.copies = 1
    (line,) = await looked(described)
    assert (line.status, line.remedy) == ("ok", "1 of 3 copies: one lost disk is a lost log")


async def test_missing_topics_are_one_line(described: Described) -> None:
    del described.counts[DECISIONS], described.counts[HANDOFFS]
    good, missing = await looked(described)
    assert good.message == "8 of 10 are as they should be"
    assert (missing.status, missing.message) == ("warn", f"not there: {DECISIONS}, {HANDOFFS}")
    described.counts.clear()
    assert [line.message for line in await looked(described)] == ["none is there"]


@pytest.mark.parametrize(
    ("name", "setting", "value", "status"),
    [
        (AGENT_EVENTS, "message.timestamp.type", "CreateTime", "wrong"),
        (AGENT_EVENTS, "max.message.bytes", "1000000", "wrong"),
        (AGENT_EVENTS, "retention.ms", "86400000", "warn"),
        ("handrail.governor.states.v1", "cleanup.policy", "delete", "wrong"),
    ],
)
async def test_a_setting_that_matters_is_named_with_how_to_mend_it(
    described: Described, name: str, setting: str, value: str, status: str
) -> None:
    described.configs[name][setting] = value
    good, line = await looked(described)
    assert good.message == "9 of 10 are as they should be"
    assert line.status == status
    assert line.message.startswith(f"{name}: ")
    if status == "wrong":
        assert line.remedy.endswith(f"--entity-name {name} --add-config {setting}={CATALOGUE[name].configs()[setting]}")


async def test_longer_retention_is_nobodys_business(described: Described) -> None:
    described.configs[DECISIONS]["retention.ms"] = "-1"
    described.configs[AGENT_EVENTS]["retention.ms"] = str(10**12)
    assert [line.status for line in await looked(described)] == ["ok"]


async def test_unequal_partitions_are_wrong(described: Described) -> None:
    described.counts[DECISIONS] = 3
    line = (await looked(described))[-1]
    assert line.status == "wrong"
    assert f"{AGENT_EVENTS} has 4, {DECISIONS} has 3" in line.message


async def test_a_partition_without_a_leader_is_wrong_and_a_copy_out_of_step_a_warning(described: Described) -> None:
    described.leaders[DECISIONS] = -1
    described.in_sync[HANDOFFS] = 2
    statuses = {line.message: line.status for line in await looked(described)}
    assert statuses[f"{DECISIONS}: 4 partitions without a leader"] == "wrong"
    assert statuses[f"{HANDOFFS}: only 2 of 3 copies are in step"] == "warn"
