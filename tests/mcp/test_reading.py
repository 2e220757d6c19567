"""What the proxy makes of a message, without a process or a broker."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.client.errors import NoDecision
from handrail.mcp.messages import Malformed, Message, ServerResponse, as_response, parse_client_line, parse_server_line
from handrail.mcp.requests import REQUESTS_MAX, Batch, PendingRequest, PendingRequests, ToolsCall
from handrail.mcp.responses import Outcome, outcome_of, refusal_response
from handrail.mcp.tools import TOOLS_MAX, ToolHints, ToolRequest, parse_tool_call


def message(value: Any) -> Message:
    (part,) = parse_client_line(json.dumps(value).encode()).parts
    assert isinstance(part, Message)
    return part


def calling(params: Any) -> Message:
    return message({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})


@pytest.mark.parametrize(
    ("raw", "is_call", "is_request"),
    [
        ('{"id":1,"method":"tools/call"}', True, True),
        ('{"method":"tools\\/call"}', True, False),
        ('{"id":"a","method":"\\u0074ools/call"}', True, True),
        ('{"id":1,"method":"TOOLS/CALL"}', True, True),
        ('{"id":1,"method":"tools/call","result":{}}', True, True),
        ('{"id":1,"method":"tools/list"}', False, True),
        ('{"method":"notifications/initialized"}', False, False),
        ('{"id":1,"result":{"method":"tools/call"}}', False, False),
    ],
)
def test_a_call_is_one_however_it_is_written(raw: str, is_call: bool, is_request: bool) -> None:
    (part,) = parse_client_line(raw.encode()).parts
    assert isinstance(part, Message)
    assert (part.is_call, part.is_request) == (is_call, is_request)


@pytest.mark.parametrize(
    "raw",
    [
        '{"id":1,"method":"x","Params":{}}',
        '{"id":1,"method":"x","param\\u017f":{}}',  # the long s, which some parsers take for an s
        '{"id":true,"method":"x"}',
        '{"id":9007199254740993,"method":"x"}',
        '{"id":[1],"method":"x"}',
        '{"id":1,"method":null}',
        '{"id":1,"method":"x","params":{"a":1,"a":2}}',
        '{"id":1,"method":"x","params":{"a":NaN}}',
        '\ufeff{"id":1,"method":"x"}',
        '{"id":1,"method":"x"} {"id":2,"method":"tools/call"}',
        '{"id":1,"method":"x"} // tools/call',
        "[" * 100_000,
        '{"a":' * 100_000,
        "[]",
        "",
        "1" * 5_000,
    ],
    ids=lambda raw: raw[:50],
)
def test_what_can_be_read_in_two_ways_is_no_message(raw: str) -> None:
    with pytest.raises(Malformed):
        parse_client_line(raw.encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_malformed(raw: bytes) -> None:
    parse_server_line(raw)
    with suppress(Malformed):
        parse_client_line(raw)


def test_parts_of_a_batch_that_are_no_messages_stay_parts() -> None:
    line = parse_client_line(b'[5,[{"method":"tools/call"}],{"id":1,"method":"ping"},{"id":2,"Method":"tools/call"}]')
    assert [isinstance(part, Message) for part in line.parts] == [False, False, True, False]


@pytest.mark.parametrize("params", [None, [], "x", {}, {"name": ""}, {"name": 5}, {"name": "a", "arguments": []}])
def test_a_call_that_a_server_could_only_guess_is_not_asked_for(params: Any) -> None:
    with pytest.raises(Malformed) as caught:
        parse_tool_call(calling(params))
    assert (caught.value.code, caught.value.id) == (-32602, 1)


@pytest.mark.parametrize("twin", [{"amount": 50, "Amount": 900}, {"a": [{"b": {"STRASSE": 1, "straße": 2}}]}])
def test_arguments_that_differ_in_case_only_are_not_asked_for(twin: dict[str, Any]) -> None:
    with pytest.raises(Malformed, match="comes twice"):
        parse_tool_call(calling({"name": "refund", "arguments": twin}))
    assert parse_tool_call(calling({"name": "a", "arguments": {"b": {"c": 1}, "d": {"c": 1, "C1": 2}}}))


def test_a_call_is_asked_for_with_all_that_decides_what_it_does() -> None:
    assert parse_tool_call(calling({"name": "a"})) == ToolRequest("a", {})
    assert parse_tool_call(calling({"name": "a", "arguments": None, "task": {}})) == ToolRequest("a", {})
    again = {"name": "a", "arguments": {"b": 1}, "inputResponses": {"c": 2}, "requestState": "d"}
    assert parse_tool_call(calling(again)) == ToolRequest(
        "a", {"b": 1, "mcp.inputResponses": {"c": 2}, "mcp.requestState": "d"}
    )
    modern = {"name": "a", "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}
    assert parse_tool_call(calling(modern)).typed


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ({"result": {"content": [{"type": "text", "text": "hello"}]}}, Outcome("hello", None)),
        ({"result": {"content": [{"type": "text", "text": '{"total": 5}'}]}}, Outcome({"total": 5}, None)),
        ({"result": {"content": [{"type": "text", "text": "5"}]}}, Outcome("5", None)),
        ({"result": {"content": [], "structuredContent": {"total": 5}}}, Outcome({"total": 5}, None)),
        ({"result": {"resultType": "complete", "content": []}}, Outcome([], None)),
        ({"result": {"task": {"taskId": "t"}}}, Outcome({"task": {"taskId": "t"}}, None)),
        ({"result": None}, Outcome(None, None)),
        ({"result": {"content": [{"type": "text", "text": "no"}], "isError": True}}, Outcome("no", "no")),
        ({"result": {"content": [], "isError": True}}, Outcome([], "isError")),
        ({"error": {"code": -1, "message": "no"}}, Outcome(None, "-1: no")),
        ({"error": "no"}, Outcome(None, "no")),
    ],
    ids=str,
)
def test_what_came_of_a_call_is_told_in_its_plainest_form(value: dict[str, Any], outcome: Outcome) -> None:
    assert outcome_of(ServerResponse(b"", value)) == outcome


@pytest.mark.parametrize(
    "value", [{"id": 1, "method": "x"}, {"id": None, "error": {}}, {"id": 1}, {"method": "x"}, 5, [], None]
)
def test_only_responses_are_answers(value: Any) -> None:
    assert as_response(b"", value) is None


def test_refusals_name_what_was_decided_where_clients_do_not_check_it() -> None:
    error = NoDecision("nobody answers")
    plain = json.loads(refusal_response(1, error, shaped=False, typed=False))["result"]
    shaped = json.loads(refusal_response("x", error, shaped=True, typed=True))["result"]
    nothing = {"refused": "NoDecision", "verdict": None, "decision_id": None, "handoff_id": None}
    assert (plain["isError"], plain["structuredContent"], plain["_meta"]) == (
        True,
        nothing,
        {"handrail/decision": nothing},
    )
    assert plain["content"][0]["text"] == error.customer_message
    assert "structuredContent" not in shaped
    assert (shaped["resultType"], shaped["_meta"]) == ("complete", {"handrail/decision": nothing})


def test_requests_that_are_not_answered_are_bounded() -> None:
    requests = PendingRequests()
    for number in range(REQUESTS_MAX):
        requests.open(number, PendingRequest("ping"))
    with pytest.raises(Malformed, match="not answered yet") as caught:
        requests.open("one more", PendingRequest("ping"))
    assert caught.value.id == "one more"
    assert requests.close(5) is not None
    requests.open("one more", PendingRequest("ping"))


async def test_an_id_that_is_used_again_stays_open_when_the_call_before_it_is_given_up() -> None:
    requests = PendingRequests()
    first, second = (ToolsCall(calling({"name": "a"}), ToolRequest("a", {}), None) for _ in range(2))
    requests.open(1, PendingRequest("tools/call", call=first))
    requests.not_made(first)
    requests.open(1, PendingRequest("tools/call", call=second))
    requests.not_made(first)
    assert requests.get(1) is not None


def test_a_list_of_tools_without_end_is_not_kept() -> None:
    tools = ToolHints()
    hints = {"readOnlyHint": False}
    tools.learn({"tools": [{"name": str(number), "annotations": hints} for number in range(TOOLS_MAX + 1)]})
    assert tools.effect("0") == "write"
    assert tools.effect(str(TOOLS_MAX)) is None
    tools.learn({"tools": [{"name": "0", "annotations": {"readOnlyHint": True}}]})
    assert tools.effect("0") == "write"  # once said, it stays
    for odd in (None, [], {"tools": 5}, {"tools": [5, {"name": 5}, {"name": "a", "annotations": 5}]}):
        tools.learn(odd)


async def test_answers_to_a_batch_come_as_one_array_and_none_as_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    async def send(raw: bytes) -> None:
        sent.append(raw)

    batch = Batch(3, send)
    await batch.add(b"1")
    await batch.drop()
    assert sent == []
    await batch.add(b"2")
    assert sent == [b"[1,2]\n"]
    await Batch(1, send).drop()
    assert len(sent) == 1
    monkeypatch.setattr("handrail.mcp.requests.MESSAGE_BYTES_MAX", 3)
    large = Batch(3, send)
    for raw in (b"11", b"22", b"3"):
        await large.add(raw)
    assert sent[1:] == [b"[11,22]\n", b"[3]\n"]
