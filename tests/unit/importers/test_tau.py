"""What a recording says is what the events say: names, order, times, money, ends."""

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail.importers.tau import events
from handrail.schemas.errors import ConfigError, SchemaError

Event = dict[str, Any]


def call(name: str, call_id: str = "c1", **arguments: Any) -> dict[str, Any]:
    return {"id": call_id, "name": name, "arguments": arguments}


def says(role: str, content: str | None, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def tau2(*messages: dict[str, Any], llm: str = "gpt-4.1", **simulation: Any) -> dict[str, Any]:
    return {
        "info": {"agent_info": {"llm": llm}, "environment_info": {"domain_name": "retail"}},
        "tasks": [{"id": "7", "ticket": simulation.pop("ticket", None)}],
        "simulations": [{"task_id": "7", "trial": 0, "messages": list(messages), **simulation}],
    }


def told(folder: Path, recording: Any, name: str = "shop.json") -> list[Event]:
    (folder / name).write_bytes(orjson.dumps(recording))
    return list(events(folder / name))


def kinds(found: list[Event]) -> list[str]:
    return [event["type"].removeprefix("handrail.").removesuffix(".v1") for event in found]


def one(found: list[Event], kind: str) -> dict[str, Any]:
    (data,) = (event["data"] for event in found if event["type"] == f"handrail.{kind}.v1")
    return data


def test_a_conversation_becomes_its_events_in_their_order(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        tau2(
            says("assistant", "Hello!"),
            says("user", "Where is my order?"),
            says("assistant", None, tool_calls=[call("find", "a"), call("find", "b", id=2)], usage=USAGE, cost=0.01),
            says("tool", "none", id="a", error=False),
            says("tool", "none", id="b", error=False),
            says("assistant", "It is on its way.", usage=USAGE, cost=0.01),
            says("user", "Thanks ###STOP###"),
            reward_info={"reward": 1.0},
        ),
    )
    assert kinds(found) == [
        "execution.started",
        *("response.proposed", "message.sent"),
        "query.received",
        *("llm.completed", "action.proposed", "action.proposed"),
        *("action.executed", "action.executed"),
        *("llm.completed", "response.proposed", "message.sent"),
        *("query.received", "execution.ended", "evaluation.scored"),
    ]


USAGE = {"prompt_tokens": 10, "completion_tokens": 2}


def test_ids_name_the_file_the_task_the_trial_and_the_turn(tmp_path: Path) -> None:
    recording = tau2(
        says("user", "Hi"), says("assistant", None, tool_calls=[call("find", "a"), call("find", "b", id=2)])
    )
    found = told(tmp_path, recording)
    assert {event["subject"] for event in found} == {"shop/7-0"}
    assert {event["data"]["conversation_id"] for event in found} == {"shop/7-0"}
    assert {event["source"] for event in found} == {"/import/tau/shop"}
    assert [event["data"].get("action_id") for event in found][-3:-1] == ["1.0", "1.1"]
    assert [event["id"] for event in found] == ["7-0/start", "7-0/0.0", "7-0/1.0", "7-0/1.1", "7-0/end"]


def test_each_event_is_marked_recorded_and_names_the_agent(tmp_path: Path) -> None:
    found = told(tmp_path, tau2(says("user", "Hi"), says("assistant", "Hello"), reward_info={"reward": 0.5}))
    assert {(event["data"]["recorded"], event["data"]["agent_id"]) for event in found} == {(True, "retail")}


@pytest.mark.parametrize(
    ("llm", "provider", "name"),
    [
        ("azure/gpt-4o-2024-11-20", "azure", "gpt-4o-2024-11-20"),
        ("ollama_chat/qwen2.5:7b", "ollama_chat", "qwen2.5:7b"),
        ("gpt-4.1", "openai", "gpt-4.1"),
        ("claude-3-7-sonnet", "anthropic", "claude-3-7-sonnet"),
        ("my-own", "unknown", "my-own"),
    ],
)
def test_the_model_and_its_provider_come_from_the_file(tmp_path: Path, llm: str, provider: str, name: str) -> None:
    found = told(tmp_path, tau2(says("assistant", "Hi"), llm=llm))
    assert one(found, "message.sent")["model"] == {"provider": provider, "name": name}


def test_a_list_of_openai_messages_takes_model_and_domain_from_its_name(tmp_path: Path) -> None:
    wanted = {"id": "x", "type": "function", "function": {"name": "find", "arguments": '{"id": 3}'}}
    messages = [
        says("system", "Be kind."),
        says("user", "Hi"),
        says("assistant", None, tool_calls=[wanted]),
        says("tool", "Error: nobody", tool_call_id="x", name="find"),
    ]
    recording = [{"task_id": 4, "trial": 1, "reward": 0.0, "traj": messages}]
    found = told(tmp_path, recording, "tau1_gpt-4o_airline_trials01.json")
    executed = one(found, "action.executed")
    assert executed["conversation_id"] == "tau1_gpt-4o_airline_trials01/4-1"
    assert (executed["agent_id"], executed["model"]["name"]) == ("airline", "gpt-4o")
    assert (executed["action_id"], executed["arguments"]) == ("2.0", {"id": 3})
    assert (executed["status"], executed["error"]) == ("error", "Error: nobody")
    assert "Be kind." not in str(found)


def test_what_the_customer_does_in_person_is_no_step_of_the_agent(tmp_path: Path) -> None:
    user = says("user", None, tool_calls=[call("toggle", "u")])
    found = told(tmp_path, tau2(says("assistant", "Switch it on"), user, says("tool", "on", id="u", error=False)))
    acted = one(found, "customer.acted")
    assert (acted["tool"], acted["status"], acted["result"]) == ("toggle", "ok", "on")
    assert not [kind for kind in kinds(found) if kind.startswith("action")]


def test_a_tool_error_is_one_though_its_text_does_not_say_so(tmp_path: Path) -> None:
    asks = says("assistant", None, tool_calls=[call("find", "a")])
    found = told(tmp_path, tau2(asks, says("tool", "no such order", id="a", error=True)))
    assert one(found, "action.executed")["status"] == "error"


def test_results_that_are_objects_can_be_read_as_such(tmp_path: Path) -> None:
    asks = says("assistant", None, tool_calls=[call("a", "a"), call("b", "b"), call("c", "c"), call("d", "d")])
    answers = {"a": '{"total": 12.5}', "b": "12.5", "c": "{broken", "d": '{"x": 1, "x": 2}'}
    results = [says("tool", text, id=name, error=False) for name, text in answers.items()]
    found = told(tmp_path, tau2(asks, *results))
    executed = [event["data"]["result"] for event in found if "executed" in event["type"]]
    assert executed == [{"total": 12.5}, "12.5", "{broken", '{"x": 1, "x": 2}']


def test_repeated_call_ids_go_to_the_calls_of_their_own_turn(tmp_path: Path) -> None:
    turns = [
        message
        for number in (1, 2)
        for message in (
            says("assistant", None, tool_calls=[call("find", "same", id=number)]),
            says("tool", f"r{number}", id="same", error=False),
        )
    ]
    executed = [event["data"] for event in told(tmp_path, tau2(*turns)) if "executed" in event["type"]]
    assert [(one["action_id"], one["arguments"], one["result"]) for one in executed] == [
        ("0.0", {"id": 1}, "r1"),
        ("2.0", {"id": 2}, "r2"),
    ]


def test_a_cost_of_zero_is_left_out_and_tokens_are_kept(tmp_path: Path) -> None:
    found = told(tmp_path, tau2(says("assistant", "Hi", usage=USAGE, cost=0.0)))
    completed = one(found, "llm.completed")
    assert completed["usage"] == {"input_tokens": 10, "output_tokens": 2}
    assert "cost_usd" not in completed


def test_cost_is_a_decimal_without_the_noise_of_a_double(tmp_path: Path) -> None:
    found = told(tmp_path, tau2(says("assistant", "Hi", usage=USAGE, cost=0.0030919999999999997)))
    assert one(found, "llm.completed")["cost_usd"] == "0.003092"


def test_a_message_that_records_neither_usage_nor_cost_tells_of_no_llm(tmp_path: Path) -> None:
    assert "llm.completed" not in kinds(told(tmp_path, tau2(says("assistant", "Hi", cost=0.0))))


def test_naive_times_are_utc_and_zones_are_heeded(tmp_path: Path) -> None:
    messages = (
        says("user", "a", timestamp="2025-08-01T16:20:44.335657"),
        says("user", "b", timestamp="2025-08-01T18:20:45+02:00"),
    )
    found = told(tmp_path, tau2(*messages))
    assert [event["time"] for event in found] == ["2025-08-01T16:20:44.335Z"] * 2 + ["2025-08-01T16:20:45.000Z"] * 2


def test_missing_times_begin_on_15_may_2024_one_second_a_message(tmp_path: Path) -> None:
    found = told(tmp_path, tau2(says("user", "a"), says("user", "b")))
    assert [event["time"][11:] for event in found] == [
        "00:00:00.000Z",
        "00:00:00.000Z",
        "00:00:01.000Z",
        "00:00:01.000Z",
    ]
    assert {event["time"][:10] for event in found} == {"2024-05-15"}


@pytest.mark.parametrize(
    ("last", "termination", "outcome", "reason"),
    [
        ("Thanks ###STOP###", "user_stop", "resolved", "stop"),
        ("###TRANSFER###", "user_stop", "transferred", "transfer"),
        ("###OUT-OF-SCOPE###", "user_stop", "abandoned", "out-of-scope"),
        ("Hello?", "max_steps", "error", "max_steps"),
        ("Hello?", "too_many_errors", "error", "too_many_errors"),
        ("###STOP###", "agent_error", "error", "agent_error"),
        ("Hello?", None, "abandoned", "the recording ends here"),
    ],
)
def test_how_it_ended(tmp_path: Path, last: str, termination: str | None, outcome: str, reason: str) -> None:
    found = told(tmp_path, tau2(says("user", last), termination_reason=termination))
    ended = one(found, "execution.ended")
    assert (ended["outcome"], ended["reason"]) == (outcome, reason)
    assert "###" not in str(found)


def test_a_transfer_without_a_mark_is_transferred(tmp_path: Path) -> None:
    asks = says("assistant", None, tool_calls=[call("transfer_to_human_agents", "a")])
    found = told(tmp_path, tau2(asks, says("tool", "Transfer successful", id="a")))
    assert one(found, "execution.ended")["outcome"] == "transferred"


def test_headings_in_an_answer_are_no_marks(tmp_path: Path) -> None:
    text = "### Options\n1. one\n\n### More\n###"
    assert one(told(tmp_path, tau2(says("assistant", text))), "message.sent")["text"] == text


def test_a_message_that_is_only_a_mark_is_no_query(tmp_path: Path) -> None:
    assert "query.received" not in kinds(told(tmp_path, tau2(says("user", " ###STOP### "))))


def test_a_ticket_is_the_goal_and_the_reward_a_score(tmp_path: Path) -> None:
    found = told(tmp_path, tau2(says("assistant", "Hi"), ticket="No signal", reward_info={"reward": 0.5}))
    assert one(found, "execution.started")["goal"] == "No signal"
    scored = one(found, "evaluation.scored")
    assert (scored["scorer"], scored["score"], scored["about"]) == ("tau", 0.5, {"task_id": "7", "trial": 0})


def test_no_reward_gives_no_score(tmp_path: Path) -> None:
    assert "evaluation.scored" not in kinds(told(tmp_path, tau2(says("user", "Hi"))))


def test_a_call_without_an_answer_was_proposed_and_never_executed(tmp_path: Path) -> None:
    found = kinds(told(tmp_path, tau2(says("assistant", None, tool_calls=[call("find")]))))
    assert "action.proposed" in found
    assert "action.executed" not in found


def test_a_packed_file_gives_the_same_events(tmp_path: Path) -> None:
    plain = told(tmp_path, tau2(says("user", "Hi")))
    (tmp_path / "packed").mkdir()
    packed = tmp_path / "packed" / "shop.json.gz"
    packed.write_bytes(gzip.compress((tmp_path / "shop.json").read_bytes()))
    assert list(events(packed)) == plain


def first_error(folder: Path, name: str, value: bytes) -> str:
    (folder / name).write_bytes(value)
    with pytest.raises((SchemaError, ConfigError)) as refused:
        list(events(folder / name))
    return str(refused.value).removeprefix(f"{folder / name}: ")


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("a.json", b"[", "is not JSON: "),
        ("a.json", b"3", "is no tau recording: "),
        ("a.json", b'{"simulations": {}}', "is no tau recording: "),
        ("a.json", b"[3]", "[0]: value: must be "),
        ("a.json", b'[{"traj": [{"role": "user"}]}]', "[0]: task_id: is missing"),
        ("a.json", b'[{"task_id": 1, "traj": []}]', "[0]: traj: "),
        ("a.json", b'[{"task_id": 1, "traj": [{"role": "judge"}]}]', "[0]: traj.0.role: must be 'system', 'user'"),
        ("a.json", b'[{"task_id": 1, "traj": [{"role": "tool", "content": "x"}]}]', "[0]: messages[0]: a tool result"),
        ("a.json", b'[{"task_id": 1, "traj": [{"role": "user", "timestamp": "noon"}]}]', "[0]: timestamp: must be "),
        ("a.json", b'[{"task_id": 1, "reward": 7, "traj": [{"role": "user"}]}]', "[0]: data.score: must be "),
        ("a.json.gz", b"[]", "is no complete gzip file: "),
        ("a.json.gz", gzip.compress(b"[]", mtime=0)[:-9], "is no complete gzip file: "),
        ("a.txt", b"[]", "is no recording by its name: "),
    ],
)
def test_a_file_that_is_no_recording_says_where_and_why(tmp_path: Path, name: str, value: bytes, reason: str) -> None:
    line = first_error(tmp_path, name, value)
    assert line.startswith(reason)
    assert "\n" not in line


def test_one_task_twice_with_the_same_trial_is_refused(tmp_path: Path) -> None:
    twice = orjson.dumps([{"task_id": 1, "traj": [{"role": "user"}]}] * 2)
    assert first_error(tmp_path, "a.json", twice).startswith("[1]: task 1-0 stands in it twice")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        list(events(tmp_path / "none.json"))
