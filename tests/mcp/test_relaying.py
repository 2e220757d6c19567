"""What the client and the server see of a session in which every message counts, byte for byte."""

import json
import signal
from pathlib import Path

import pytest

from handrail.mcp.stdio import MESSAGE_BYTES_MAX
from tests.mcp.conftest import Place
from tests.mcp.proxies import call, ping, proxy, recorded, without_id

pytestmark = pytest.mark.kafka


def test_what_is_no_call_goes_both_ways_byte_for_byte(handrail: Place, tmp_path: Path) -> None:
    odd = (
        '{ "method":"x/ü\\u2028", "jsonrpc" :"2.0","id": "a\\/b" , '
        '"params":{"n":1.50e0,"big":12345678901234567890}}\r\n'
    )
    with proxy(tmp_path, handrail.bootstrap) as session:
        session.say(odd.encode())
        assert session.hear() == b'{"jsonrpc": "2.0", "id": "a/b", "result": {"method": "x/\\u00fc\\u2028"}}\n'
        batch = f" [ {json.dumps(ping(1))}, {json.dumps(without_id(ping(0)))} ]\n".encode()
        session.say(b"\n", batch)
        assert session.hear() == b'[{"jsonrpc": "2.0", "id": 1, "result": {"method": "ping"}}]\n'
        assert session.got == [odd.encode(), b"\n", batch]
        assert session.leave() == 0
    assert "raw server: started" in session.stderr()


async def test_an_allowed_call_reaches_the_server_as_it_was_and_its_result_is_told(
    handrail: Place, tmp_path: Path
) -> None:
    raw = json.dumps(call(1, "get_order", order_id="A-1"), indent=None, separators=(" ,", " : ")).encode() + b"\n"
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "allowed", "--agent-id", "shop") as session:
        session.say(raw)
        assert session.hear() == (
            b'{"jsonrpc": "2.0", "id": 1, "result": {"content": [], "structuredContent": {"total": 900}}}\n'
        )
        assert session.got == [raw]
        assert len(await recorded(handrail.bootstrap, "allowed", "action.executed")) == 1  # before the client has it
        assert session.leave() == 0
    events = await recorded(handrail.bootstrap, "allowed")
    assert [event["type"].split(".", 1)[1] for event in events] == [
        "execution.started.v1",
        "action.proposed.v1",
        "action.executed.v1",
        "execution.ended.v1",
    ]
    proposed, executed = events[1:3]
    assert (proposed["agent_id"], proposed["tool"], proposed["arguments"]) == ("shop", "get_order", {"order_id": "A-1"})
    assert (executed["status"], executed["result"]) == ("ok", {"total": 900})
    assert executed["decision_id"]


def test_a_refused_call_is_answered_with_what_may_be_said_and_never_reaches_the_server(
    handrail: Place, tmp_path: Path
) -> None:
    with proxy(tmp_path, handrail.bootstrap) as session:
        answer = session.ask(call("r", "refund", amount=900))
        result = answer["result"]
        assert (answer["jsonrpc"], answer["id"], result["isError"]) == ("2.0", "r", True)
        assert result["content"] == [{"type": "text", "text": result["content"][0]["text"]}]
        assert "900" not in result["content"][0]["text"]  # thresholds and rules are for operators
        decided = result["structuredContent"]
        assert decided == result["_meta"]["handrail/decision"]
        assert (decided["refused"], decided["verdict"]) == ("Blocked", "block")
        assert decided["decision_id"]
        assert decided["handoff_id"].startswith("hf-")
        assert session.got == []
        assert session.ask(ping("r"))["result"] == {"method": "ping"}  # it is answered, so its id is free
        assert session.leave() == 0
    assert "Refund of $900 is too high." in session.stderr()


async def test_errors_of_both_kinds_are_told_as_errors_and_passed_on(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "errors") as session:
        assert session.ask(call(1, "say_error"))["result"]["isError"] is True
        assert session.ask(call(2, "protocol_error"))["error"]["code"] == -32602
        session.leave()
    executed = await recorded(handrail.bootstrap, "errors", "action.executed")
    assert [(data["status"], data["error"]) for data in executed] == [
        ("error", "no such order"),
        ("error", "-32602: Unknown tool"),
    ]


async def test_a_batch_is_governed_part_by_part_and_answered_as_one(handrail: Place, tmp_path: Path) -> None:
    batch = [
        ping("p"),
        call(1, "get_order", order_id="A-1"),
        call(2, "refund", amount=900),
        without_id(ping(0)),
        without_id(call(0, "refund", amount=901)),
        5,
        call(3, "say_error"),
        call(1, "get_order", order_id="A-2"),
    ]
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "batch") as session:
        session.say(batch)
        answers = session.answer()
        session.wait(lambda: "Refund of $901" in session.stderr())
        got = [json.loads(line) for line in session.got]
        assert session.ask(ping("after"))["id"] == "after"
        session.leave()
    by_id = {answer["id"]: answer for answer in answers if answer["id"] is not None}
    assert sorted(map(str, by_id)) == ["1", "2", "3", "p"]
    assert by_id[1]["result"]["structuredContent"] == {"total": 900}
    assert by_id[2]["result"]["structuredContent"]["verdict"] == "block"
    assert by_id["p"]["result"] == {"method": "ping"}
    assert by_id[3]["result"]["isError"] is True
    nobodys = [answer["error"]["code"] for answer in answers if answer["id"] is None]
    assert nobodys == [-32600, -32600]  # no message, and an id that is in use
    assert sorted(got, key=json.dumps) == sorted([batch[0], batch[1], batch[3], batch[6]], key=json.dumps)
    executed = await recorded(handrail.bootstrap, "batch", "action.executed")
    assert sorted(data["status"] for data in executed) == ["error", "ok"]


async def test_a_call_without_an_id_is_governed_too(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "notified") as session:
        session.say(without_id(call(0, "refund", amount=900)), without_id(call(0, "refund", amount=50)))
        session.say([without_id(call(0, "refund", amount=902)), without_id(call(0, "refund", amount=51))])
        session.wait(lambda: len(session.got) == 2 and session.stderr().count("not made") == 2)
        assert session.ask(ping(1))["id"] == 1  # nothing was answered before
        session.leave()
        amounts = [json.loads(line)["params"]["arguments"]["amount"] for line in session.got[:2]]
    assert sorted(amounts) == [50, 51]
    executed = await recorded(handrail.bootstrap, "notified", "action.executed")
    assert sorted(data["arguments"]["amount"] for data in executed) == [50, 51]
    assert {data["status"] for data in executed} == {"unknown"}


def test_an_id_that_is_in_use_is_not_used_twice(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap) as session:
        session.say(call(1, "silent"))
        session.wait(lambda: len(session.got) == 1)
        for message in (call(1, "get_order"), call("1", "get_order"), ping(1)):
            answer = session.ask(message)
            assert (answer["id"], answer["error"]["code"]) == (None, -32600)
        assert len(session.got) == 1
        session.leave()


async def test_requests_of_the_server_and_their_answers_pass(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "sampling") as session:
        asked = session.ask(call(7, "ask_client"))
        assert (asked["method"], asked["id"]) == ("sampling/createMessage", 7)  # the same number, the other direction
        response = session.ask({"jsonrpc": "2.0", "id": 7, "result": {"model": "m"}})
        assert response == {
            "jsonrpc": "2.0",
            "id": 7,
            "result": {"content": [{"type": "text", "text": '{"model": "m"}'}]},
        }
        session.leave()
    assert (await recorded(handrail.bootstrap, "sampling", "action.executed"))[0]["result"] == {"model": "m"}


def test_progress_and_what_is_not_json_pass_on_the_way_to_the_client(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap) as session:
        message = call(1, "progress")
        message["params"]["_meta"] = {"progressToken": "t-1"}
        assert session.ask(message)["params"] == {"progressToken": "t-1", "progress": 1}
        assert session.answer()["id"] == 1
        session.say(call(2, "junk"))
        assert session.hear() == b'  not json {"id": 1}\r\n'
        assert session.answer()["id"] == 2
        session.leave()


async def test_an_answer_that_comes_in_an_array_is_found_there(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "array") as session:
        session.say(call(1, "array"))
        answers = [session.answer(), session.answer()]
        assert [{"jsonrpc": "2.0", "method": "notifications/x"}] in answers
        (answer,) = [data for data in answers if isinstance(data, dict)]
        assert answer["result"]["content"][0]["text"] == "in an array"
        session.leave()
    assert [data["result"] for data in await recorded(handrail.bootstrap, "array", "action.executed")] == [
        "in an array"
    ]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"not json\n", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call"\n', -32700),
        (b"\xff\xfe{}\n", -32700),
        (b'{"jsonrpc":"2.0","method":"x","params":\r{"jsonrpc":"2.0","id":1,"method":"tools/call"}\r}\n', -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}\n', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}\n', -32600),
        (b'{"jsonrpc":"2.0","id":1.0,"method":"ping"}\n', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"tools/call"}\n', -32600),
        (b"5\n", -32600),
        (b"[]\n", -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","Name":"get_order"}}\n', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"refund","arguments":[900]}}\n', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"Tools/Call ","params":{}}\n', -32602),
    ],
    ids=lambda value: value.decode(errors="replace").strip()[:60] if isinstance(value, bytes) else str(value),
)
def test_what_parsers_read_differently_never_reaches_the_server(
    handrail: Place, tmp_path: Path, line: bytes, code: int
) -> None:
    with proxy(tmp_path, handrail.bootstrap) as session:
        assert session.ask(line)["error"]["code"] == code
        assert session.ask(ping(2))["id"] == 2
        assert len(session.got) == 1
        session.leave()


async def test_huge_messages_are_refused_one_way_and_pass_unread_the_other(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "huge") as session:
        large = call(1, "get_order", text="x" * MESSAGE_BYTES_MAX)
        assert session.ask(large)["error"]["code"] == -32600
        # too large for an event: nobody could judge it
        refused = session.ask(call(2, "get_order", text="x" * 1_100_000))["result"]
        assert refused["isError"] is True
        assert refused["structuredContent"]["verdict"] is None
        assert session.got == []
        assert len(session.ask(call(3, "big", bytes=2_000_000))["result"]["content"][0]["text"]) == 2_000_000
        answer = session.ask(call(4, "big", bytes=MESSAGE_BYTES_MAX + 1))
        assert len(answer["result"]["content"][0]["text"]) == MESSAGE_BYTES_MAX + 1
        session.leave()
    executed = await recorded(handrail.bootstrap, "huge", "action.executed")
    assert [(data["arguments"]["bytes"], data["status"]) for data in executed] == [
        (2_000_000, "ok"),
        (MESSAGE_BYTES_MAX + 1, "unknown"),
    ]


async def test_what_a_server_says_of_its_tools_only_makes_things_stricter(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "hints") as session:
        session.ask(call(1, "unheard_of"))
        session.ask({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
        for number, tool in enumerate(("unheard_of", "get_order", "shaped"), start=3):
            session.ask(call(number, tool))
        session.leave()
    proposed = await recorded(handrail.bootstrap, "hints", "action.proposed")
    assert [(data["tool"], data.get("effect")) for data in proposed] == [
        ("unheard_of", None),
        ("unheard_of", "write"),
        ("get_order", None),
        ("shaped", None),
    ]


async def test_a_crash_of_the_server_is_the_proxys_exit_status_and_is_told(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "crash") as session:
        session.say(call(1, "refund", amount=300))
        session.wait(lambda: "(handoff hf-" in session.stderr())
        session.say(call(2, "crash"))
        assert session.hear() == b""
        assert session.process.wait(20) == 7
    events = await recorded(handrail.bootstrap, "crash")
    executed = [event for event in events if event["type"] == "handrail.action.executed.v1"]
    assert [(data["tool"], data["status"]) for data in executed] == [("crash", "unknown")]
    assert events[-1]["outcome"] == "error"


def test_a_server_that_closes_its_output_has_ended_the_session(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap) as session:
        session.say(call(1, "close_output"))
        assert session.hear() == b""
        assert session.process.wait(20) == 128 + signal.SIGTERM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_goes_to_the_server_and_what_it_has_is_told(
    handrail: Place, tmp_path: Path, number: signal.Signals
) -> None:
    conversation = f"signal-{number.name}"
    with proxy(tmp_path, handrail.bootstrap, "--conversation", conversation) as session:
        session.say(call(1, "silent"), call(2, "refund", amount=300))
        session.wait(lambda: session.got and "(handoff hf-" in session.stderr())
        assert session.stop(number) == (128 + number if number == signal.SIGTERM else 130)
        assert len(session.got) == 1
    executed = await recorded(handrail.bootstrap, conversation, "action.executed")
    assert [(data["tool"], data["status"]) for data in executed] == [("silent", "unknown")]


def test_what_was_asked_before_the_client_closed_its_pipe_is_still_decided(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap, status=3) as session:
        session.say(call(1, "refund", amount=50), call(2, "refund", amount=900), call(3, "refund", amount=300))
        assert session.leave() == 3
        answers = {answer["id"]: answer["result"] for answer in (session.answer() for _ in range(3))}
        assert session.hear() == b""
    assert answers[1]["content"][0]["text"] == "done refund"
    assert answers[2]["structuredContent"]["verdict"] == "block"
    assert answers[3]["structuredContent"]["refused"] == "NeedsApproval"  # nobody is there to wait for a person
    assert len(session.got) == 1


async def test_observed_nothing_is_held(handrail: Place, tmp_path: Path) -> None:
    with proxy(
        tmp_path, handrail.bootstrap, "--observe", "--agent-id", "watched", "--conversation", "observed"
    ) as session:
        assert session.ask(call(1, "refund", amount=900))["result"]["content"][0]["text"] == "done refund"
        assert session.ask(call(2, "refund", note="x" * 1_100_000))["result"]["content"][0]["text"] == "done refund"
        session.leave()
    assert [data["arguments"] for data in await recorded(handrail.bootstrap, "observed", "action.executed")] == [
        {"amount": 900}
    ]


async def test_input_that_a_server_asked_for_is_judged_with_the_call(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap, "--conversation", "input") as session:
        assert session.ask(call(1, "more_input", order="A"))["result"]["resultType"] == "input_required"
        again = call(2, "more_input", order="A")
        again["params"] |= {"requestState": "s", "inputResponses": {"amount": {"action": "accept"}}}
        assert session.ask(again)["result"]["content"][0]["text"] == "done more_input"
        assert json.loads(session.got[1]) == again
        taken = call(3, "more_input", **{"mcp.requestState": "other"})
        taken["params"] |= {"requestState": "s"}
        assert session.ask(taken)["error"]["code"] == -32602
        session.leave()
    executed = await recorded(handrail.bootstrap, "input", "action.executed")
    assert [(data["arguments"], data["status"]) for data in executed] == [
        ({"order": "A"}, "error"),
        (
            {
                "order": "A",
                "mcp.requestState": "s",
                "mcp.inputResponses": {"amount": {"action": "accept"}},
            },
            "ok",
        ),
    ]


def test_a_loop_is_halted_and_says_so(handrail: Place, tmp_path: Path) -> None:
    with proxy(tmp_path, handrail.bootstrap) as session:
        results = [session.ask(call(number, "get_order", order_id="A-1"))["result"] for number in range(4)]
        session.leave()
    assert [result.get("structuredContent", {}).get("verdict") for result in results] == [None, None, "block", "halt"]
