"""A key that is taken out of a gate's file counts no more, at once; a file that cannot be used closes the gate."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handrail.client import Gate, GateClosed, GateRefused
from tests.claims import claims_of
from tests.keys import key
from tests.unit.client.test_gate import ARGUMENTS, TOOL, Clock, decided, made_s

GOOD, STOLEN = f"{key().public.line} good\n", f"{key('stolen').public.line} stolen\n"


def gate_on(tmp_path: Path, lines: Path, record: dict[str, Any]) -> Gate:
    return Gate(lines, claims_of(tmp_path), clock=Clock(made_s(record) + 1))


def test_a_key_that_is_taken_out_signs_nothing_more(tmp_path: Path) -> None:
    record, *_ = decided(by="stolen")
    lines = tmp_path / "keys.pub"
    lines.write_text(GOOD + STOLEN)
    gate = gate_on(tmp_path, lines, record)
    assert gate.check(record, TOOL, ARGUMENTS)
    lines.write_text(GOOD)
    with pytest.raises(GateRefused, match="is not trusted"):
        gate.admit(record, TOOL, ARGUMENTS).__enter__()
    with gate.admit(decided()[0], TOOL, ARGUMENTS):
        pass


def test_a_file_of_the_same_size_and_time_is_read_too(tmp_path: Path) -> None:
    """The stolen key's line gives way to another one, and nothing but the text shows it."""
    record, *_ = decided(by="stolen")
    lines = tmp_path / "keys.pub"
    lines.write_text(STOLEN)
    was = lines.stat()
    gate = gate_on(tmp_path, lines, record)
    assert gate.check(record, TOOL, ARGUMENTS)
    lines.write_text(f"{key('other').public.line} stolen\n")
    os.utime(lines, ns=(was.st_atime_ns, was.st_mtime_ns))
    assert (lines.stat().st_size, lines.stat().st_mtime_ns) == (was.st_size, was.st_mtime_ns)
    with pytest.raises(GateRefused, match="is not trusted"):
        gate.admit(record, TOOL, ARGUMENTS).__enter__()


def test_a_file_that_is_put_in_its_place_is_the_file(tmp_path: Path) -> None:
    record, *_ = decided(by="stolen")
    lines, next_ = tmp_path / "keys.pub", tmp_path / "next.pub"
    lines.write_text(GOOD + STOLEN)
    gate = gate_on(tmp_path, lines, record)
    assert gate.check(record, TOOL, ARGUMENTS)
    next_.write_text(GOOD)
    next_.replace(lines)
    with pytest.raises(GateRefused, match="is not trusted"):
        gate.check(record, TOOL, ARGUMENTS)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: lines.unlink(),
        lambda lines: lines.write_text(""),
        lambda lines: lines.write_text("# all taken out\n"),
        lambda lines: lines.write_text(GOOD[:40]),
        lambda lines: lines.write_text(GOOD + "ssh-rsa AAAA\n"),
        lambda lines: lines.write_bytes(b"\xff\xfe\x00"),
        lambda lines: (lines.unlink(), lines.mkdir()),
    ],
    ids=["gone", "empty", "only a remark", "half a key", "another kind", "no text", "a folder"],
)
def test_a_file_that_cannot_be_used_closes_the_gate_until_it_can(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    record, *_ = decided()
    lines = tmp_path / "keys.pub"
    lines.write_text(GOOD)
    gate = gate_on(tmp_path, lines, record)
    assert gate.check(record, TOOL, ARGUMENTS)
    spoil(lines)
    for _ in range(2):
        with pytest.raises(GateClosed, match=r"keys\.pub: "):
            gate.admit(record, TOOL, ARGUMENTS).__enter__()
    with pytest.raises(GateClosed):
        gate.earlier(record, TOOL, ARGUMENTS)
    if lines.is_dir():
        lines.rmdir()
    lines.write_text(GOOD)
    with gate.admit(record, TOOL, ARGUMENTS):
        pass
