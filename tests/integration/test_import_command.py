"""`handrail import` as a person types it."""

import asyncio
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from click.testing import CliRunner, Result

from handrail.cli import main
from handrail.importers.tau import events
from handrail.schemas.partitioner import partition_of
from handrail.schemas.topics import AGENT_EVENTS, CATALOGUE
from handrail.streams.engine.reading import ends

CONVERSATIONS = 40
PARTITIONS = CATALOGUE[AGENT_EVENTS].partitions


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Small talk, forty times."""
    talk = [{"role": "user", "content": "Is it open?"}, {"role": "assistant", "content": "Until eight."}]
    path = tmp_path / "gpt-4o_retail.json"
    path.write_bytes(orjson.dumps([{"task_id": number, "traj": talk} for number in range(CONVERSATIONS)]))
    return path


def handrail(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["import", *map(str, arguments)], catch_exceptions=False)


def test_prints_one_event_a_line(recording: Path) -> None:
    found = handrail("tau", recording)
    assert found.exit_code == 0
    assert [orjson.loads(line) for line in found.stdout.splitlines()] == list(events(recording))


async def test_published_events_lie_where_their_conversation_belongs(recording: Path, broker: str) -> None:
    found = await asyncio.to_thread(handrail, "tau", recording, "--publish", "--bootstrap", broker)
    assert (found.exit_code, found.stdout) == (0, "")
    wanted = [(partition_of(event["subject"].encode(), PARTITIONS), orjson.dumps(event)) for event in events(recording)]
    assert found.stderr.endswith(f"{len(wanted)} events published to {broker}\n")
    lying = await on_the_log(broker, len(wanted))
    for number in range(PARTITIONS):
        assert [value for at, value in lying if at == number] == [value for at, value in wanted if at == number]


async def on_the_log(bootstrap: str, count: int) -> list[tuple[int, bytes]]:
    """Partition and value of that many events, each partition in its order, once no more come."""
    partitions = [TopicPartition(AGENT_EVENTS, number) for number in range(PARTITIONS)]
    assert sum((await ends(bootstrap, partitions)).values()) == count
    found: list[tuple[int, bytes]] = []
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, auto_offset_reset="earliest") as consumer:
        consumer.assign(partitions)
        while len(found) < count:
            record = await consumer.getone()
            found.append((record.partition, record.value))
    return found


def test_publishing_without_a_broker_says_which_option(recording: Path) -> None:
    found = handrail("tau", recording, "--publish")
    assert (found.exit_code, found.stdout) == (2, "")
    assert "--bootstrap" in found.stderr


def test_two_files_of_one_name_are_refused_before_anything_is_printed(recording: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    again = tmp_path / "other" / recording.name
    again.write_bytes(recording.read_bytes())
    found = handrail("tau", recording, again)
    assert (found.exit_code, found.stdout) == (2, "")
    assert str(again) in found.stderr


def test_a_broken_file_ends_with_one_line_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("[")
    found = handrail("tau", tmp_path / "broken.json")
    assert (found.exit_code, found.stderr.count("\n")) == (1, 1)
    assert found.stderr.startswith(f"{tmp_path / 'broken.json'}: is not JSON")
