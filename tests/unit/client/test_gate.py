"""The gate: what it lets through, what it refuses, and that nothing runs twice, whatever is killed in between."""

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail.client import AlreadyClaimed, Gate, GateClosed, GateRefused
from handrail.client.claim import ClaimRequest
from handrail.client.claim_store import DAY_MS, ClaimStore
from handrail.policies import Bundle
from handrail.schemas.clock import to_ms
from handrail.schemas.errors import ConfigError
from handrail.schemas.signature import sign_batch
from tests.bundles import bundle, refunds
from tests.claims import claims_of
from tests.keys import key
from tests.log import Log

TOOL, ARGUMENTS = "refund", {"amount": 20, "order_id": "#W1"}


class Clock:
    """Seconds since 1970, set by the test."""

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


def decided(rules: Bundle | None = None, by: str = "governor", **arguments: Any) -> list[dict[str, Any]]:
    """The signed records of decisions on two proposals; the first is of TOOL with ARGUMENTS."""
    log = Log()
    log.proposes(TOOL, action_id="a1", **(arguments or ARGUMENTS))
    log.proposes("get_order", action_id="a2", order_id="#W1")
    outputs = [value for folded in log.fold(rules or refunds()).folded for value in folded.outputs]
    values = [output.value for output in outputs if b"handrail.decision.v1" in output.value]
    return [orjson.loads(value) for value in sign_batch(key(by), values)]


def made_s(record: dict[str, Any]) -> float:
    """When it was decided, by the log."""
    return to_ms(record["time"]) / 1000


@pytest.fixture
def record() -> dict[str, Any]:
    return decided()[0]


@pytest.fixture
def gate(tmp_path: Path, record: dict[str, Any]) -> Gate:
    """A gate a second after the decision."""
    return Gate([key().public.line], claims_of(tmp_path), clock=Clock(made_s(record) + 1))


def refusal(gate: Gate, *asked: Any) -> str:
    """The line of a refusal; the block is not entered."""
    with pytest.raises(GateRefused) as error, gate.admit(*asked):
        pytest.fail("it ran")
    return str(error.value)


def test_an_allowed_action_runs_once(gate: Gate, record: dict[str, Any]) -> None:
    with gate.admit(record, TOOL, ARGUMENTS):
        (begun,) = gate.unfinished()
        assert (begun.decision_id, begun.tool) == (record["data"]["decision_id"], TOOL)
    assert gate.unfinished() == []
    with pytest.raises(
        AlreadyClaimed, match=r"was used already: refund was begun at .* and ended at .* \(ok\)"
    ) as error:
        gate.admit(record, TOOL, ARGUMENTS).__enter__()
    assert error.value.claim.outcome == "ok"


@pytest.mark.parametrize("form", [orjson.dumps, json.dumps, lambda value: value])
@pytest.mark.parametrize("tool", [TOOL, "Refund", " REFUND "])
def test_any_form_of_the_record_and_any_spelling_of_the_tool(
    gate: Gate, record: dict[str, Any], form: Callable[[Any], Any], tool: str
) -> None:
    with gate.admit(form(record), tool, dict(reversed(ARGUMENTS.items()))):
        pass


async def test_in_code_that_awaits(gate: Gate, record: dict[str, Any]) -> None:
    async with gate.admit(record, TOOL, ARGUMENTS):
        assert len(gate.unfinished()) == 1
    with pytest.raises(AlreadyClaimed):
        async with gate.admit(record, TOOL, ARGUMENTS):
            pytest.fail("it ran")


def test_what_failed_is_used_too(gate: Gate, record: dict[str, Any]) -> None:
    with pytest.raises(KeyError), gate.admit(record, TOOL, ARGUMENTS):
        raise KeyError("the bank")
    assert "(error)" in refusal(gate, record, TOOL, ARGUMENTS)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ((TOOL, {**ARGUMENTS, "amount": 21}), "for another tool or other arguments"),
        ((TOOL, {**ARGUMENTS, "amount": "20"}), "for another tool or other arguments"),
        ((TOOL, {}), "for another tool or other arguments"),
        ((TOOL, {**ARGUMENTS, "amount": object()}), "for another tool or other arguments"),
        (("refund_all", ARGUMENTS), "for another tool or other arguments"),
        ((None, ARGUMENTS), "tool: must be the name of the tool that stands behind this gate"),
        ((" ", ARGUMENTS), "tool: must be the name of the tool that stands behind this gate"),
        ((7, ARGUMENTS), "tool: must be the name of the tool that stands behind this gate"),
        ((TOOL, None), "arguments are needed"),
        ((TOOL, {**ARGUMENTS, "amount": 2**60}), "for another tool or other arguments"),
    ],
)
def test_only_what_was_decided(gate: Gate, record: dict[str, Any], asked: Any, why: str) -> None:
    assert why in refusal(gate, record, *asked)
    assert gate.unfinished() == []


def test_the_decision_on_another_action(gate: Gate) -> None:
    _, other = decided()
    assert "for another tool" in refusal(gate, other, TOOL, ARGUMENTS)
    with gate.admit(other, "get_order", {"order_id": "#W1"}):
        pass


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda data: data.update(verdict="allow", tenant="other"), "changed since it was signed"),
        (lambda data: data.update(expires_at="2099-01-01T00:00:00Z"), "changed since it was signed"),
        (lambda data: data.update(signature=None), "it is not signed"),
        (lambda data: data.pop("signature"), "it is not signed"),
        (lambda data: data["signature"].update(key_id="0" * 16), "is not trusted"),
        (lambda data: data.pop("verdict"), "no decision's record"),
    ],
)
def test_a_decision_that_was_changed(gate: Gate, record: dict[str, Any], change: Any, why: str) -> None:
    change(record["data"])
    assert why in refusal(gate, record, TOOL, ARGUMENTS)


@pytest.mark.parametrize("given", [b"", b"[]", "{}", {}, {"type": "handrail.decision.v1"}, b"\xff", 7])
def test_what_is_no_decision(gate: Gate, given: Any) -> None:
    assert "no decision's record" in refusal(gate, given, TOOL, ARGUMENTS)


def test_a_key_that_the_gate_was_not_given(gate: Gate) -> None:
    assert "is not trusted" in refusal(gate, decided(by="mallory")[0], TOOL, ARGUMENTS)


@pytest.mark.parametrize(("amount", "verdict"), [(300, "require_approval"), (900, "block")])
def test_a_verdict_that_does_not_allow(gate: Gate, amount: int, verdict: str) -> None:
    arguments = {"amount": amount, "order_id": "#W1"}
    assert f"its verdict is {verdict}" in refusal(gate, decided(**arguments)[0], TOOL, arguments)


@pytest.mark.parametrize("amount", [20, 900])
def test_an_agent_that_is_only_observed_passes_where_the_gate_was_told_so(
    gate: Gate, tmp_path: Path, amount: int
) -> None:
    arguments = {"amount": amount, "order_id": "#W1"}
    files = refunds().document["files"]
    rules = bundle(refunds=files["refunds.yaml"], agents="agents: {refunds: {enforcement: observe}}")
    record = decided(rules, **arguments)[0]
    assert "only observed: give the gate observed=True" in refusal(gate, record, TOOL, arguments)
    gate = Gate([key().public.line], claims_of(tmp_path, "other.db"), observed=True, clock=Clock(made_s(record) + 1))
    with gate.admit(record, TOOL, arguments):
        pass


@pytest.mark.parametrize(
    ("later_s", "why"),
    [
        (59, None),
        (-4, None),  # the broker's clock may be a little ahead
        (61, "has ended"),
        (3600, "has ended"),  # this machine's clock is an hour ahead
        (-3600, "set the clock right"),  # or an hour behind, which would make every decision hold an hour longer
    ],
)
def test_a_clock_that_is_wrong_lets_nothing_through(tmp_path: Path, later_s: float, why: str | None) -> None:
    record = decided()[0]
    gate = Gate([key().public.line], claims_of(tmp_path), clock=Clock(made_s(record) + later_s))
    if why is None:
        with gate.admit(record, TOOL, ARGUMENTS):
            return
    assert why in refusal(gate, record, TOOL, ARGUMENTS)
    assert gate.unfinished() == []


def test_a_clock_that_was_set_back_closes_the_gate(tmp_path: Path) -> None:
    record, other = decided()
    clock = Clock(made_s(record) + 10)
    gate = Gate([key().public.line], claims_of(tmp_path), clock=clock)
    with gate.admit(other, "get_order", {"order_id": "#W1"}):
        pass
    clock.now_s -= 6
    with pytest.raises(GateClosed, match="set it right"), gate.admit(record, TOOL, ARGUMENTS):
        pytest.fail("it ran")
    clock.now_s += 2
    with gate.admit(record, TOOL, ARGUMENTS):
        pass


def test_two_decisions_on_the_same_action_are_one_run(gate: Gate, record: dict[str, Any], tmp_path: Path) -> None:
    """Decided again under another bundle: another decision, and still the same action."""
    other = bundle(refunds=refunds().document["files"]["refunds.yaml"], limits="default: {steps_max: 7}")
    again = decided(other)[0]
    assert again["data"]["decision_id"] != record["data"]["decision_id"]
    with gate.admit(record, TOOL, ARGUMENTS):
        pass
    with pytest.raises(AlreadyClaimed):
        gate.admit(again, TOOL, ARGUMENTS).__enter__()


def test_64_threads_with_one_decision_run_it_once(gate: Gate, record: dict[str, Any], tmp_path: Path) -> None:
    ran: list[int] = []
    gates = [gate, Gate([key().public.line], claims_of(tmp_path), clock=Clock(made_s(record) + 1))]

    def attempt(number: int) -> str:
        try:
            with gates[number % 2].admit(record, TOOL, ARGUMENTS):
                ran.append(number)
        except AlreadyClaimed as error:
            return error.claim.claimed_by
        return "ran"

    with ThreadPoolExecutor(64) as pool:
        came = list(pool.map(attempt, range(64)))
    assert len(ran) == 1
    assert came.count("ran") == 1
    assert all("@" in value for value in came if value != "ran")


KILLED = """
import os, signal, sys
from handrail.client import Gate
store, line, now_s, record, tool, arguments = sys.argv[1:]
import json
with Gate([line], store, clock=lambda: float(now_s)).admit(record, tool, json.loads(arguments)):
    print("running", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_claim_outlives_its_process_and_says_so(gate: Gate, record: dict[str, Any], tmp_path: Path) -> None:
    asked = (str(tmp_path / "claims.db"), key().public.line, f"{made_s(record) + 1}", json.dumps(record))
    command = [sys.executable, "-c", KILLED, *asked, TOOL, json.dumps(ARGUMENTS)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, "running\n")
    line = refusal(gate, record, TOOL, ARGUMENTS)
    assert "nobody has said how it ended: see whether it took effect before doing it again" in line
    (left,) = gate.unfinished()
    assert left.ended_ms is None
    assert not left.claimed_by.startswith(f"{subprocess.os.getpid()}@")


def test_without_room_for_claims_there_is_no_gate(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "no.db").write_bytes(b"this is no database, and nobody should write over it" * 100)
    for store in (tmp_path / "file" / "claims.db", tmp_path / "no.db"):
        with pytest.raises(GateClosed, match="claims cannot be written"):
            Gate([key().public.line], store)


def test_claims_leave_when_nobody_would_take_their_decision_any_more(tmp_path: Path) -> None:
    claims = ClaimStore(claims_of(tmp_path), 500)
    old = ClaimRequest("d1", "digest-1", "conv-1", TOOL, 1_000, 1_000)
    assert claims.take(old, 500) is None
    assert claims.take(ClaimRequest("d2", "digest-2", "conv-1", TOOL, None, 1_000), 500) is None
    claims.close()
    kept_ms = 400 * DAY_MS
    later = ClaimStore(tmp_path / "claims.db", kept_ms)
    assert later.earlier(old, kept_ms) is not None
    assert later.take(ClaimRequest("d3", "digest-3", "conv-1", TOOL, kept_ms + 2_000, 1_000), kept_ms + 1_001) is None
    with pytest.raises(GateClosed, match="keeps claims 400 days, and refund was allowed until"):
        later.earlier(old, kept_ms + 1_001)
    with sqlite3.connect(tmp_path / "claims.db") as file:
        assert [row[0] for row in file.execute("SELECT decision_id FROM claims ORDER BY 1")] == ["d2", "d3"]


def test_keys_come_from_a_file_that_may_change(tmp_path: Path, record: dict[str, Any]) -> None:
    lines = tmp_path / "keys.pub"
    lines.write_text(f"# gates of this shop\n{key('old').public.line} old\n\n")
    gate = Gate(lines, claims_of(tmp_path), clock=Clock(made_s(record) + 1))
    assert "is not trusted" in refusal(gate, record, TOOL, ARGUMENTS)
    lines.write_text(f"{key('old').public.line} old\n{key().public.line} new\n")
    with gate.admit(record, TOOL, ARGUMENTS):
        pass


@pytest.mark.parametrize("text", [None, "", "# nothing\n", "ssh-rsa AAAA\n"])
def test_keys_that_cannot_be_used_are_one_line(tmp_path: Path, text: str | None) -> None:
    lines = tmp_path / "keys.pub"
    if text is not None:
        lines.write_text(text)
    with pytest.raises(ConfigError, match=r"keys\.pub: "):
        Gate(lines, tmp_path / "claims.db")
