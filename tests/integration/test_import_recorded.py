"""All 430 recorded conversations come through the importer, and say what their labels say."""

import csv
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail.importers.tau import events
from handrail.schemas.decode import decode

CONVERSATIONS = 430
# Labelled by their argument text; as JSON these two calls are the same one, written with other spaces.
SAME_AS_JSON = {"tau1_gpt-4o_airline/22-1"}

Conversation = list[dict[str, Any]]


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, Conversation]:
    """The events of each conversation, by the name it has in the labels."""
    found: dict[str, Conversation] = {}
    for path in sorted((shared / "data" / "tau_trajectories").glob("*.json.gz")):
        for event in events(path):
            found.setdefault(event["subject"].replace("_trials01/", "/"), []).append(event)
    return found


@pytest.fixture(scope="module")
def labels(shared: Path) -> dict[str, dict[str, str]]:
    with (shared / "data" / "tau_trajectories" / "conversation_labels.csv").open() as lines:
        return {f"{row['source']}/{row['conversation_id']}": row for row in csv.DictReader(lines)}


def test_every_event_is_one_of_the_contract_and_has_its_own_identity(recorded: dict[str, Conversation]) -> None:
    seen = set()
    for event in all_events(recorded):
        assert decode(orjson.dumps(event)).raw == event
        seen.add((event["source"], event["id"]))
    assert len(recorded) == CONVERSATIONS
    assert len(seen) == sum(map(len, recorded.values()))


def test_times_never_run_back_in_a_conversation(recorded: dict[str, Conversation]) -> None:
    for conversation in recorded.values():
        times = [event["time"] for event in conversation]
        assert times == sorted(times)


def test_each_conversation_starts_once_ends_once_and_is_scored(recorded: dict[str, Conversation]) -> None:
    for conversation in recorded.values():
        kinds = [event["type"].split(".", 1)[1] for event in conversation]
        assert (kinds[0], kinds[-2:]) == ("execution.started.v1", ["execution.ended.v1", "evaluation.scored.v1"])
        assert max(kinds.count(kind) for kind in (kinds[0], *kinds[-2:])) == 1


def test_steps_errors_tokens_and_cost_are_those_of_the_labels(
    recorded: dict[str, Conversation], labels: dict[str, dict[str, str]]
) -> None:
    assert recorded.keys() == labels.keys()
    for name, conversation in recorded.items():
        row, found = labels[name], counted(conversation)
        assert found == {key: int(row[key]) for key in found}, name
        assert cost(conversation) == pytest.approx(float(row["agent_cost"] or 0), abs=1e-9), name
        assert conversation[-1]["data"]["score"] == float(row["reward"]), name


def test_as_many_identical_calls_as_the_labels_count(
    recorded: dict[str, Conversation], labels: dict[str, dict[str, str]]
) -> None:
    other = {
        name
        for name, conversation in recorded.items()
        if identical(conversation) != int(labels[name]["max_total_identical"])
    }
    assert other == SAME_AS_JSON


def all_events(recorded: dict[str, Conversation]) -> Iterator[dict[str, Any]]:
    return (event for conversation in recorded.values() for event in conversation)


def of(conversation: Conversation, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in conversation if event["type"] == f"handrail.{kind}.v1"]


def counted(conversation: Conversation) -> dict[str, int]:
    executed, completed = of(conversation, "action.executed"), of(conversation, "llm.completed")
    return {
        "tool_calls": len(executed),
        "tool_errors": sum(call["status"] == "error" for call in executed),
        "transfer_calls": sum(call["tool"].startswith("transfer_to_human") for call in executed),
        "prompt_tokens": sum(call["usage"]["input_tokens"] for call in completed),
        "completion_tokens": sum(call["usage"]["output_tokens"] for call in completed),
    }


def cost(conversation: Conversation) -> float:
    return float(sum(Decimal(call.get("cost_usd", "0")) for call in of(conversation, "llm.completed")))


def identical(conversation: Conversation) -> int:
    calls = Counter(
        (call["tool"], orjson.dumps(call["arguments"], option=orjson.OPT_SORT_KEYS))
        for call in of(conversation, "action.proposed")
    )
    return max(calls.values(), default=0)
