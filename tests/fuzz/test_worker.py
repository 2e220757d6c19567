"""A worker takes whatever comes, stays up, and writes exactly what the fold gives. `python -m tests.fuzz`: more."""

from pathlib import Path

import pytest

from handrail.policies import load_bundle
from tests.fuzz import live
from tests.fuzz.__main__ import POLICIES

RECORDS, SEED = 3_000, 20261126


@pytest.mark.kafka
@pytest.mark.crash
async def test_a_worker_stays_up_and_every_record_is_accounted_for(broker: str, tmp_path: Path) -> None:
    outcome = await live.run(broker, tmp_path, POLICIES, load_bundle(POLICIES), SEED, RECORDS)
    assert outcome.sent == RECORDS
    assert 0 < outcome.account.refused < outcome.account.records
    assert outcome.good, str(outcome)
