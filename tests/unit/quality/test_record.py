"""Days of an agent beside its baseline, and what an alarm says of them."""

from collections.abc import Iterator
from datetime import date, timedelta

from handrail.schemas.outputs import Alert
from handrail.streams.quality import report
from handrail.streams.quality.baseline import Baseline, baseline_of
from handrail.streams.quality.psi import psi
from handrail.streams.quality.record import AgentRecord, Bin
from handrail.streams.quality.report import Subject
from handrail.streams.quality.verdict import verdicts

FIRST = date(2026, 1, 5)


def asked(number: int, refunds: int, orders: int) -> Iterator[Bin]:
    day = FIRST + timedelta(days=number)
    yield Bin(day, "intents", "refund", refunds, None)
    yield Bin(day, "intents", "orders", orders, None)


def four_weeks_and(*more: tuple[int, int]) -> AgentRecord:
    days = [(20, 80)] * 28 + list(more)
    return AgentRecord.of(
        one for number, (refunds, orders) in enumerate(days) for one in asked(number, refunds, orders)
    )


def test_a_day_is_measured_against_the_baseline_and_against_yesterday() -> None:
    record = four_weeks_and((50, 50), (60, 40))
    ((measure, shift),) = record.shifts(baseline_of(FIRST), FIRST + timedelta(days=29))
    assert measure == "intents"
    assert shift.psi_baseline == psi({"refund": 560, "orders": 2240}, {"refund": 60, "orders": 40})
    assert shift.psi_yesterday == psi({"refund": 50, "orders": 50}, {"refund": 60, "orders": 40})
    assert (shift.n, shift.baseline_n, shift.alarm) == (100, 2800, True)


def test_a_day_of_few_conversations_does_not_speak() -> None:
    record = four_weeks_and((19, 0), (20, 0))
    assert list(record.shifts(baseline_of(FIRST), FIRST + timedelta(days=28))) == []
    ((_, shift),) = record.shifts(baseline_of(FIRST), FIRST + timedelta(days=29))
    assert shift.psi_yesterday is None


def test_a_large_shift_of_few_conversations_is_no_alarm() -> None:
    record = four_weeks_and((10, 10), (200, 200))
    few, many = (next(record.shifts(baseline_of(FIRST), FIRST + timedelta(days=day)))[1] for day in (28, 29))
    assert few.psi_baseline > 0.25
    assert (few.alarm, many.alarm) == (False, True)


def test_an_alert_keeps_the_contract_and_its_id_belongs_to_its_day() -> None:
    record, baseline = four_weeks_and((50, 50), (60, 40)), Baseline(FIRST, FIRST + timedelta(days=28))
    days = {}
    for number in (28, 29, 29):
        subject = Subject("default", "shop", baseline, FIRST + timedelta(days=number))
        (verdict,) = verdicts(record, subject, {})
        assert verdict.begins
        data = report.drift(subject, verdict.measure, verdict.finding, ["conv-1"])  # type: ignore[arg-type]
        assert Alert.model_validate(data).about == {"agent_id": "shop", "tenant": "default", "measure": "intents"}
        days[data["alert_id"]] = data["to"]
    assert list(days.values()) == ["2026-02-03T00:00:00.000Z", "2026-02-04T00:00:00.000Z"]
