"""A short set of faults on each broker: every kind at least once, and afterwards everything is as the fold says."""

from pathlib import Path

import pytest

from tests.crash.report import Plan, lines
from tests.crash.run import carry_out

SEED = 20241124
FAULTS = {"embedded": 9, "apache": 11}


@pytest.mark.long
@pytest.mark.crash
@pytest.mark.kafka
@pytest.mark.timeout(400)
@pytest.mark.parametrize("broker", ["embedded", pytest.param("apache", marks=pytest.mark.apache)])
def test_nothing_is_lost_or_changed_by_faults(broker: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if broker == "apache":
        request.getfixturevalue("kafka_libs")
    report = carry_out(Plan(broker, SEED, FAULTS[broker]), tmp_path, print)
    print(*lines(report), sep="\n")
    assert report.good, report.findings.lines()
    assert report.injected.total() == FAULTS[broker]
    assert report.findings.figures["questions"] > 200
