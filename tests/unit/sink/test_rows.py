"""Which rows a record becomes, and that no record can stop the sink."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from handrail.schemas.topics import AGENT_EVENTS, ALERTS, DEADLETTERS, DECISIONS, HANDOFFS, RESOLUTIONS
from handrail.streams.sink.stage import stage
from tests.book import RULESET, Book, reason, rows

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OWN = ("events", "decisions", "handoffs", "resolutions", "alerts", "deadletters", "unreadable")


def book() -> Book:
    return Book().at("2026-03-02 09:00:00")


def row(book: Book, folder: Path, table: str) -> dict[str, object]:
    """The one row of a table, without nulls and without the record."""
    with book.store(folder) as connection:
        (found,) = rows(connection, f"FROM {table}")
    return {name: value for name, value in found.items() if value is not None and name != "record"}


def place(topic: str, offset: int = 0) -> dict[str, object]:
    return {
        "log_cluster": "cluster-1",
        "log_topic": topic,
        "log_partition": 0,
        "log_offset": offset,
        "log_time": AT,
    }


def test_an_event_has_its_fields_in_columns(tmp_path: Path) -> None:
    told = book()
    told.event(
        "c-1",
        "llm.completed",
        id="e-1",
        execution_id="c-1/2",
        parent_execution_id="c-1/1",
        tenant="acme",
        agent_version="7",
        model={"provider": "p", "name": "m", "served": "m-0613"},
        customer={"ref": "u-1", "tier": "gold"},
        recorded=True,
        usage={"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 2},
        cost_usd="0.0412345678",
        confidence=0.5,
        latency_ms=12.5,
    )
    assert row(told, tmp_path, "events") == place(AGENT_EVENTS) | {
        "source": "/test",
        "id": "e-1",
        "type": "handrail.llm.completed.v1",
        "subject": "c-1",
        "time": AT,
        "conversation_id": "c-1",
        "execution_id": "c-1/2",
        "parent_execution_id": "c-1/1",
        "tenant": "acme",
        "agent_id": "shop",
        "agent_version": "7",
        "model_provider": "p",
        "model_name": "m",
        "model_served": "m-0613",
        "customer_ref": "u-1",
        "customer_tier": "gold",
        "recorded": True,
        "confidence": 0.5,
        "input_tokens": 10,
        "cached_input_tokens": 4,
        "output_tokens": 2,
        "cost_usd": Decimal("0.041235"),
        "latency_ms": 12.5,
    }


def test_a_control_for_all_conversations_is_of_none(tmp_path: Path) -> None:
    told = book()
    told.cloudevent(AGENT_EVENTS, "control.tick", "control", {})
    found = row(told, tmp_path, "events")
    assert found["subject"] == "control"
    assert not {"conversation_id", "execution_id"} & found.keys()


def test_a_decision_and_each_of_its_reasons_is_a_row(tmp_path: Path) -> None:
    told = book()
    proposal = told.event("c-1", "action.proposed", action_id="a-1", tool="refund", arguments={})
    strict = reason("policy", policy_id="p", rule_id="r", evidence={"value": 900})
    told.decision(proposal, "action", "block", reasons=[strict, reason("confidence", action="require_approval")])
    with told.store(tmp_path) as connection:
        (decision,) = rows(connection, "FROM decisions")
        reasons = rows(connection, 'FROM reasons ORDER BY "position"')
    assert decision["for_type"] == "handrail.action.proposed.v1"
    assert (decision["verdict"], decision["reasons_n"], decision["repeat"]) == ("block", 2, False)
    assert (decision["cost_usd"], decision["ruleset"]) == (Decimal("0.000000"), RULESET)
    assert (decision["event_partition"], decision["event_offset"]) == (0, 0)
    assert [(one["position"], one["code"], one["action"]) for one in reasons] == [
        (0, "policy", "block"),
        (1, "confidence", "require_approval"),
    ]
    assert (reasons[0]["policy_id"], reasons[0]["rule_id"]) == ("p", "r")
    assert orjson.loads(reasons[0]["evidence"]) == {"value": 900}
    assert all(one["conversation_id"] == "c-1" and one["verdict"] == "block" for one in reasons)


def test_handoffs_resolutions_alerts_feedback_and_scores_have_their_fields(tmp_path: Path) -> None:
    told = book()
    told.handoff("c-1", "hf-1", revision=2, pending={"action_id": "a-1", "tool": "refund"})
    told.resolution("c-1", "hf-1", "approved", cost_usd="1.10", handling_s=95, context_missing=["goal"])
    told.alert("c-1", "bypass")
    told.event("c-1", "feedback.received", csat=4, resolved=True, text="fine")
    told.event("c-1", "evaluation.scored", scorer="judge", score=0.25, about={"turn": 1}, labels=["kind"])
    with told.store(tmp_path) as connection:
        (handoff,), (resolution,), (alert,) = (
            rows(connection, f"FROM {t}") for t in ("handoffs", "resolutions", "alerts")
        )
        (feedback,), (score,) = (rows(connection, f"FROM {t}") for t in ("feedback", "scores"))
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (2,)
    assert {name: handoff[name] for name in ("handoff_id", "revision", "kind", "tool", "attempts_n", "missing")} == {
        "handoff_id": "hf-1",
        "revision": 2,
        "kind": "approval",
        "tool": "refund",
        "attempts_n": 1,
        "missing": ["customer.ref"],
    }
    assert (resolution["outcome"], resolution["by_id"], resolution["by_name"]) == ("approved", "desk-1", "Ada")
    assert (resolution["cost_usd"], resolution["handling_s"]) == (Decimal("1.100000"), 95.0)
    assert (resolution["context_missing"], resolution["answered_at"]) == (["goal"], AT)
    assert (alert["kind"], alert["conversation_id"], alert["examples"]) == ("bypass", "c-1", ["c-1"])
    assert (alert["from_time"], alert["to_time"], orjson.loads(alert["evidence"])) == (AT, AT, {"n": 1})
    assert (feedback["csat"], feedback["resolved"], feedback["text"]) == (4, True, "fine")
    assert (score["scorer"], score["score"], orjson.loads(score["labels"])) == ("judge", 0.25, ["kind"])


def test_the_whole_record_is_kept_to_the_byte(tmp_path: Path) -> None:
    told = book()
    record = told.event("c-1", "query.received", text='é\n\u2028 \\ "quoted"', attributes={"x": 1.10, "y": [None]})
    with told.store(tmp_path) as connection:
        assert connection.execute("SELECT record::VARCHAR FROM events").fetchone() == ((record.value or b"").decode(),)


def test_a_dead_letter_is_a_row_with_its_bytes_and_where_it_came_from(tmp_path: Path) -> None:
    told = book()
    told.refused(told.raw(AGENT_EVENTS, b"\xff\x00", b"k\xff"), "value: not UTF-8")
    assert row(told, tmp_path, "deadletters") == place(DEADLETTERS) | {
        "from_topic": AGENT_EVENTS,
        "from_partition": 0,
        "from_offset": 0,
        "reason": "value: not UTF-8",
        "refused_at": AT,
        "key": b"k\xff",
        "value": b"\xff\x00",
    }


def test_a_dead_letter_without_headers_is_a_row_too(tmp_path: Path) -> None:
    told = book()
    told.raw(
        DEADLETTERS, b"what", **{"handrail-partition": b"\xff", "handrail-offset": b"many", "handrail-at": b"soon"}
    )
    assert row(told, tmp_path, "deadletters") == place(DEADLETTERS) | {"value": b"what"}


def test_a_dead_letter_whose_headers_have_no_values_is_a_row_too() -> None:
    record = book().raw(DEADLETTERS, b"what")
    assert stage(record, dict.fromkeys(("handrail-topic", "handrail-key", "handrail-at"))) == stage(record, {})


def test_a_dead_letter_of_9_mb_is_stored_whole(tmp_path: Path) -> None:
    told = book()
    told.raw(DEADLETTERS, b"\xfe" * 9_000_000)
    assert row(told, tmp_path, "deadletters")["value"] == b"\xfe" * 9_000_000


@pytest.mark.parametrize(
    ("topic", "value", "why"),
    [
        (AGENT_EVENTS, b"\xff", "value: is not JSON: not UTF-8"),
        (AGENT_EVENTS, None, "value: is null"),
        (AGENT_EVENTS, b"[]", "value: must be a CloudEvent"),
        (DECISIONS, b'{"a":1,"a":2}', "value: "),
        (HANDOFFS, b"{}", "specversion: is missing"),
        (RESOLUTIONS, b"[" * 100_000, "value: "),
        (ALERTS, b"", "value: "),
    ],
)
def test_what_cannot_be_read_is_kept_with_one_line_why(
    topic: str, value: bytes | None, why: str, tmp_path: Path
) -> None:
    told = book()
    told.raw(topic, value, b"key")
    found = row(told, tmp_path, "unreadable")
    assert str(found.pop("reason")).startswith(why)
    assert found == place(topic) | {"key": b"key"} | ({} if value is None else {"value": value})


def test_a_record_of_another_topic_is_unreadable_where_it_lies(tmp_path: Path) -> None:
    told = book()
    alert = told.alert("c-1", "bypass")
    stray = Book().at("2026-03-02 09:00:00")
    stray.raw(DECISIONS, alert.value, alert.key)
    assert row(stray, tmp_path, "unreadable")["reason"] == (
        "type: 'handrail.alert.v1' does not belong on governance.decisions.v1"
    )


@pytest.mark.parametrize("ms", [-1, 2**62, 253_402_300_800_000])
def test_a_time_beyond_all_calendars_is_stored_at_their_edge(ms: int, tmp_path: Path) -> None:
    told = book()
    told.now_ms = ms
    told.raw(AGENT_EVENTS, b"")
    found = row(told, tmp_path, "unreadable")["log_time"]
    assert found in (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC))


@pytest.mark.parametrize("time", ["2026-13-45T10:00:00Z", "2026-12-31T23:59:60Z"])
def test_an_envelope_time_that_is_no_time_is_null(time: str, tmp_path: Path) -> None:
    told = book()
    data = {"conversation_id": "c-1", "agent_id": "shop"}
    told.cloudevent(AGENT_EVENTS, "execution.started", "c-1", data, time=time)
    assert "time" not in row(told, tmp_path, "events")


def test_odd_words_change_no_other_column(tmp_path: Path) -> None:
    told = book()
    text = "\x00'; DROP TABLE events; --\U0001f980" + "x" * 100_000
    told.event("c-1", "query.received", text=text, channel="NaN", attributes={"deep": [[[[1e300]]]]})
    found = row(told, tmp_path, "events")
    assert (found["text"], found["channel"], found["conversation_id"]) == (text, "NaN", "c-1")


def test_every_record_is_in_exactly_one_table_of_its_own(tmp_path: Path) -> None:
    told = book()
    asked = told.event("c-1", "query.received", text="hello")
    told.decision(asked, "route", reasons=[reason("policy")] * 3)
    told.event("c-1", "feedback.received", csat=4)
    told.refused(told.raw(AGENT_EVENTS, b"?"))
    told.handoff("c-1", "hf-1")
    told.closed("c-1", "hf-1", "resolved")
    with told.store(tmp_path) as connection:
        own = " UNION ALL ".join(f"SELECT log_topic, log_offset FROM {table}" for table in OWN)
        found = connection.execute(f"SELECT * FROM ({own}) ORDER BY ALL").fetchall()
    assert found == sorted((record.topic, record.offset) for record, _ in told.records)
