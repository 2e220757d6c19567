"""A file of claims that is deleted, replaced, written over, copied or restored lets nothing run a second time."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handrail.client import AlreadyClaimed, Gate, GateClosed
from handrail.client.claim_store import BEHIND_MS, ClaimStore
from tests.attacks.signed import SignedGovernor
from tests.claims import claims_of
from tests.keys import key
from tests.unit.client.test_gate import ARGUMENTS, TOOL, Clock, decided, made_s


def gate_of(store: Path, now_s: float) -> Gate:
    return Gate([key().public.line], store, clock=Clock(now_s))


def admit(gate: Gate, record: dict[str, Any], tool: str = TOOL, arguments: dict[str, Any] = ARGUMENTS) -> None:
    with gate.admit(record, tool, arguments):
        pass


def deleted(store: Path) -> None:
    store.unlink()


def with_all_beside_it(store: Path) -> None:
    for path in store.parent.glob(f"{store.name}*"):
        path.unlink()


def moved(store: Path) -> None:
    store.rename(store.with_name("elsewhere"))


def another(store: Path) -> None:
    ClaimStore(store.with_name("another.db"), 0).close()
    store.with_name("another.db").replace(store)


def its_own_copy(store: Path) -> None:
    shutil.copy(store, store.with_name("copy.db"))
    store.with_name("copy.db").replace(store)


def emptied(store: Path) -> None:
    os.truncate(store, 0)


def junk(store: Path) -> None:
    store.write_bytes(b"junk" * 4_096)


def rows_deleted(store: Path) -> None:
    """Another file's content in the same place on the disk."""
    ClaimStore(store.with_name("another.db"), 0).close()
    store.write_bytes(store.with_name("another.db").read_bytes())


def hard_link(store: Path) -> None:
    store.with_name("same.db").hardlink_to(store)


def link_to_another(store: Path) -> None:
    store.unlink()
    store.symlink_to(claims_of(store.parent, "another.db"))


def folder_gone(store: Path) -> None:
    shutil.rmtree(store.parent)


CHANGES = [
    deleted, with_all_beside_it, moved, another, its_own_copy, emptied, junk, rows_deleted, hard_link, link_to_another,
    folder_gone,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_gate_whose_file_changes_closes(tmp_path: Path, change: Callable[[Path], None]) -> None:
    record, other = decided()
    store = claims_of(tmp_path / "data")
    gate = gate_of(store, made_s(record) + 1)
    admit(gate, record)
    change(store)
    for decision, tool, given in ((record, TOOL, ARGUMENTS), (other, "get_order", {"order_id": "#W1"})):
        with pytest.raises(GateClosed, match=r"claims\.db: "):
            admit(gate, decision, tool, given)
    with pytest.raises(GateClosed):
        gate.earlier(record, TOOL, ARGUMENTS)
    with pytest.raises(GateClosed):
        gate.unfinished()


@pytest.mark.parametrize("change", CHANGES)
def test_the_same_after_the_file_was_closed_in_between(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """The name of a file that nobody holds open may be given to a new one on the same place of the disk."""
    record = decided()[0]
    store = claims_of(tmp_path / "data")
    gate = gate_of(store, made_s(record) + 1)
    admit(gate, record)
    gate.close()
    change(store)
    with pytest.raises(GateClosed):
        admit(gate, record)


def test_a_file_that_is_put_back_opens_the_gate_again(tmp_path: Path) -> None:
    record, other = decided()
    gate = gate_of(store := claims_of(tmp_path), made_s(record) + 1)
    admit(gate, record)
    moved(store)
    with pytest.raises(
        GateClosed, match=r"it is gone, .*: put it back where it was moved away, or start the gate again"
    ):
        admit(gate, record)
    store.with_name("elsewhere").rename(store)
    with pytest.raises(AlreadyClaimed):
        admit(gate, record)
    admit(gate, other, "get_order", {"order_id": "#W1"})


def test_an_older_copy_written_over_it_closes_the_gate(tmp_path: Path) -> None:
    record = decided()[0]
    gate = gate_of(store := claims_of(tmp_path), made_s(record) + 1)
    before = store.read_bytes()
    admit(gate, record)
    gate.close()
    store.write_bytes(before)
    with pytest.raises(GateClosed, match="it was written over"):
        admit(gate, record)


@pytest.mark.parametrize("change", [deleted, with_all_beside_it, moved, its_own_copy, emptied])
@pytest.mark.parametrize("killed", [False, True])
def test_a_new_gate_on_what_is_left_runs_nothing_again(
    tmp_path: Path, change: Callable[[Path], None], killed: bool
) -> None:
    record = decided()[0]
    gate = gate_of(store := claims_of(tmp_path), made_s(record) + 1)
    admit(gate, record)
    if not killed:
        gate.close()
    change(store)
    with pytest.raises((GateClosed, AlreadyClaimed)):
        admit(gate_of(store, made_s(record) + 2), record)


def test_a_backup_refuses_what_was_decided_before_it_was_restored(tmp_path: Path) -> None:
    """What was claimed after the backup is not in it."""
    record, other = decided()
    gate = gate_of(store := claims_of(tmp_path), made_s(record) + 1)
    admit(gate, other, "get_order", {"order_id": "#W1"})
    shutil.copy(store, tmp_path / "backup.db")
    admit(gate, record)
    gate.close()
    store.unlink()
    shutil.copy(tmp_path / "backup.db", store)
    restored = gate_of(store, made_s(record) + 2)
    with pytest.raises(GateClosed, match=r"knows what was acted on since .* see whether it took effect"):
        admit(restored, record)
    with pytest.raises(AlreadyClaimed):
        admit(restored, other, "get_order", {"order_id": "#W1"})


@pytest.mark.parametrize("later_ms", [0, 1, BEHIND_MS - 1])
def test_a_new_file_refuses_what_was_decided_before_it_and_while_it_was_made(tmp_path: Path, later_ms: int) -> None:
    """This machine's clock may be a little behind the broker's."""
    record = decided()[0]
    store = tmp_path / "claims.db"
    ClaimStore(store, int(made_s(record) * 1000) - later_ms).close()
    gate = gate_of(store, made_s(record) + 1)
    with pytest.raises(GateClosed, match="and only where it did not, propose it anew"):
        admit(gate, record)
    with pytest.raises(GateClosed, match="may have been decided before"):
        gate.earlier(record, TOOL, ARGUMENTS)


def test_a_new_file_takes_what_is_decided_after_it(tmp_path: Path) -> None:
    record = decided()[0]
    store = tmp_path / "claims.db"
    ClaimStore(store, int(made_s(record) * 1000) - BEHIND_MS).close()
    admit(gate_of(store, made_s(record) + 1), record)


def test_the_records_own_time_is_not_signed_and_not_believed(tmp_path: Path) -> None:
    record = decided()[0]
    gate = gate_of(tmp_path / "claims.db", made_s(record) + 1)
    with pytest.raises(GateClosed):
        admit(gate, {**record, "time": "2099-01-01T00:00:00Z"})


async def test_a_repeat_is_as_old_as_its_first_answer(tmp_path: Path) -> None:
    governor = SignedGovernor()
    async with governor.agent(execution="conv-1/1", timeout_s=5) as agent:
        first = await agent.propose(TOOL, ARGUMENTS, action_id="a1")
        with governor.gate(tmp_path).admit(first, TOOL):
            pass
        (tmp_path / "claims.db").unlink()
        governor.log.wait(20)
        new = Gate([key().public.line], tmp_path / "claims.db", clock=lambda: governor.log.now_ms / 1000)
        governor.log.wait(20)
        again = await agent.propose(TOOL, ARGUMENTS, action_id="a1")
        assert again.decision is not None
        assert again.decision.repeat
        with pytest.raises(GateClosed, match="may have been decided before"):
            new.admit(again, TOOL).__enter__()
        fresh = await agent.propose(TOOL, {"amount": 21}, action_id="a2")
        with new.admit(fresh, TOOL):
            pass


async def test_too_late_and_lost_is_not_proposed_anew_behind_anybodys_back(tmp_path: Path) -> None:
    """Of what came before a new file nobody knows that it did not run."""
    governor = SignedGovernor()
    async with governor.agent(execution="conv-1/1", timeout_s=5) as agent:
        await agent.propose(TOOL, ARGUMENTS, action_id="a1")
    governor.log.wait(61)
    new = Gate([key().public.line], tmp_path / "claims.db", clock=lambda: governor.log.now_ms / 1000)
    async with governor.agent(execution="conv-1/1", timeout_s=5, gate=new) as agent:
        with pytest.raises(GateClosed, match="see whether it took effect"):
            await agent.propose(TOOL, ARGUMENTS, action_id="a1")
    assert len(governor.published("action.proposed")) == 2


KILLED = """
import os, signal, sys
from handrail.client.claim import ClaimRequest
from handrail.client.claim_store import ClaimStore
claims = ClaimStore(__import__("pathlib").Path(sys.argv[1]), 0)
assert claims.take(ClaimRequest("d1", "digest-1", "c1", "refund", None, 5_000), 5_000) is None
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_all_claims_lie_in_the_one_file(tmp_path: Path) -> None:
    """Of a gate that was killed too: who saves, or deletes, what lies beside the file changes nothing."""
    store = claims_of(tmp_path)
    subprocess.run([sys.executable, "-c", KILLED, str(store)], timeout=60, check=False)
    for path in tmp_path.glob("claims.db?*"):
        path.unlink()
    with sqlite3.connect(store) as file:
        assert file.execute("SELECT decision_id FROM claims").fetchall() == [("d1",)]


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    def mode() -> int:
        return stat.S_IMODE(store.stat().st_mode)

    mask = os.umask(0)
    try:
        store = claims_of(tmp_path / "data")
        assert (mode(), stat.S_IMODE(store.parent.stat().st_mode)) == (0o600, 0o700)
        store.chmod(0o644)
        ClaimStore(store, 0).close()
        assert mode() == 0o600
    finally:
        os.umask(mask)


def test_a_child_process_takes_claims_in_the_same_file(tmp_path: Path) -> None:
    """After a fork the file is opened anew, and known to be the same."""
    record = decided()[0]
    gate = gate_of(claims_of(tmp_path), made_s(record) + 1)
    admit(gate, record)
    if (child := os.fork()) == 0:
        try:
            admit(gate, record)
        except AlreadyClaimed:
            os._exit(7)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
