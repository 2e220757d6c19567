"""What an export takes of a log, and that its fold decides what the log decided."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest

from handrail.audit import rules as rule_folders
from handrail.audit.deadletters import readable
from handrail.audit.decision_records import exported_line
from handrail.audit.export import ExportCounts, Selection
from handrail.audit.rules import Rules
from handrail.policies import Bundle
from handrail.schemas.errors import ConfigError
from handrail.schemas.record import Record
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.replay import replay, shown
from tests.bundles import REFUNDS, bundle, refunds
from tests.log import Log

SHORT = bundle(refunds=REFUNDS, limits="default: {approval_ttl_s: 60}\n")
OTHER = refunds()


def rules(*given: Bundle) -> Rules:
    return Rules({event.ruleset: event for event in given})


def decided(outputs: Iterable[dict[str, Any]], conversation: str) -> list[dict[str, Any]]:
    return [event for event in outputs if event["type"] == "handrail.decision.v1" and event["subject"] == conversation]


def folded(records: list[Record], rules_given: Rules) -> list[dict[str, Any]]:
    """What a worker writes."""
    return [shown(output) for output in PartitionFold(0, None, rules_given.bundles).fold(records).outputs]


def exported(records: Iterable[Record], rules_given: Rules, *wanted: str) -> tuple[list[bytes], ExportCounts]:
    export_counts = ExportCounts()
    selection = Selection(0, rules_given, frozenset(wanted) or None, export_counts)
    return [line for record in records if (line := selection.line(record)) is not None], export_counts


def busy() -> Log:
    """An approval of conv-1 expires with a record of conv-2; another bundle comes; half of it is of no use."""
    log = Log()
    log.control("policies.activated", ruleset=SHORT.ruleset)
    log.query("I want $300 back")
    log.proposes("refund", amount=300)
    log.raw(b"conv-1", b'{"broken')
    log.event("query.received", conversation="conv-2", text="Where is my parcel?")
    log.wait(90).event("query.received", conversation="conv-2", text="And now?")
    log.control("agent.mode", agent_id="refunds", mode="human")
    log.answers("It comes on Monday.")
    log.control("policies.activated", ruleset=OTHER.ruleset)
    log.proposes("refund", amount=900)
    log.raw(b"conv-1", orjson.dumps({**orjson.loads(log.records[1].value or b""), "subject": "conv-3"}))
    log.proposes("refund", amount=300)
    return log


def test_one_conversation_is_decided_as_it_was_with_all_others_around() -> None:
    log, rules_given = busy(), rules(SHORT, OTHER)
    lines, export_counts = exported(log.records, rules_given, "conv-1")
    again = decided(replay(lines, rules_given.bundles, "", pytest.fail), "conv-1")
    assert again == decided(folded(log.records, rules_given), "conv-1")
    assert [event["data"]["kind"] for event in again].count("release") == 1
    assert (export_counts.records, export_counts.controls, export_counts.ticks) == (5, 3, 3)
    assert (export_counts.unreadable, export_counts.refused, export_counts.conversations) == (1, 1, {"conv-1"})
    assert list(export_counts.rulesets) == [SHORT.ruleset, OTHER.ruleset]


def test_all_conversations_are_decided_as_they_were() -> None:
    log, rules_given = busy(), rules(SHORT, OTHER)
    lines, _ = exported(log.records, rules_given)
    assert len(lines) == len(log.records)
    for name in ("conv-1", "conv-2"):
        again = decided(replay(lines, rules_given.bundles, "", pytest.fail), name)
        assert again == decided(folded(log.records, rules_given), name)


def test_a_clock_that_ran_back_is_exported_as_the_fold_took_it() -> None:
    log = Log()
    log.control("policies.activated", ruleset=SHORT.ruleset)
    log.wait(3600).event("query.received", conversation="conv-2", text="Where is my parcel?")
    log.wait(-3600).proposes("refund", amount=300)
    rules_given = rules(SHORT)
    lines, _ = exported(log.records, rules_given, "conv-1")
    again = decided(replay(lines, rules_given.bundles, "", pytest.fail), "conv-1")
    assert again == decided(folded(log.records, rules_given), "conv-1")


def test_a_line_has_the_bytes_of_its_record_and_its_place() -> None:
    place = b'"logpartition":2,"logoffset":7,"logtime":"1970-01-01T00:00:01.500Z"}'
    assert exported_line(b'{"a": 1, "a":\r\n 2 }\n', 2, 7, 1500) == b'{"a": 1, "a": 2 ,' + place
    assert exported_line(b" {}", 2, 7, 1500) == b"{" + place
    assert exported_line(b'{"logoffset":1,"a":1}', 2, 7, 1500) == b'{"a":1,' + place


@pytest.mark.parametrize("value", [None, b"", b"[1]", b'{"a"', b'"text"', b"\xff"])
def test_what_is_no_json_object_has_no_line(value: bytes | None) -> None:
    assert exported_line(value, 0, 0, 0) is None


def test_an_event_that_only_its_place_makes_too_long_is_decided() -> None:
    log = Log()
    event = log.query("")
    event["data"]["text"] = "x" * (1_000_000 - len(orjson.dumps(event)))
    line = exported_line(orjson.dumps(event), 0, 0, 0)
    assert line is not None
    assert len(line) > 1_000_000
    assert next(one["type"] for one in replay([line], rules(OTHER).bundles, OTHER.ruleset, pytest.fail)) == (
        "handrail.decision.v1"
    )


def test_records_that_come_late_are_told_and_passed_over() -> None:
    log = busy()
    lines, _ = exported(log.records, rules(SHORT, OTHER), "conv-1")
    said: list[str] = []
    outputs = list(replay([*lines, *lines[1:3]], rules(SHORT, OTHER).bundles, "", said.append))
    assert said == ["partition 0, offset 1: comes after offset 11; passed over, with all like it: sort by logoffset"]
    assert outputs == list(replay(lines, rules(SHORT, OTHER).bundles, "", pytest.fail))


def test_bundles_come_back_from_their_folder_and_say_so_when_changed(tmp_path: Path) -> None:
    folders = rule_folders.write_bundles(tmp_path / "as-decided", [SHORT, OTHER])
    rules_given = rule_folders.load_rules(tmp_path / "as-decided")
    assert (set(rules_given.bundles), rules_given.ruleset) == ({SHORT.ruleset, OTHER.ruleset}, "")
    assert (folders[0] / "refunds.yaml").read_text() == REFUNDS
    (folders[0] / "refunds.yaml").write_text(REFUNDS.replace("100", "200"))
    with pytest.raises(ConfigError, match="has been changed"):
        rule_folders.load_rules(tmp_path / "as-decided")


def test_a_folder_of_policies_holds_from_the_start(tmp_path: Path) -> None:
    (tmp_path / "refunds.yaml").write_text(REFUNDS)
    rules_given = rule_folders.load_rules(tmp_path)
    assert list(rules_given.bundles) == [rules_given.ruleset]


def test_bytes_are_shown_as_text_or_in_hex() -> None:
    assert readable(b'{"a\x1b[31m') == '{"a\\u001b[31m'
    assert readable(b"\xff\x00abc") == "00000000  ff 00 61 62 63" + " " * 33 + "  ..abc"
