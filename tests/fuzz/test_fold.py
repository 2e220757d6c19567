"""Whatever comes, the fold takes it: folded, or a dead letter with bytes and reason. `python -m tests.fuzz`: more."""

import orjson
import pytest

from handrail.schemas.decode import decode
from handrail.schemas.record import Record
from handrail.schemas.topics import PARTITIONS, RESOLUTIONS
from handrail.streams.engine.resolution_copier import sort
from tests.bundles import refunds
from tests.fuzz.account import Account, Folds, check
from tests.fuzz.mutations import KINDS, Mutant, mutants

RECORDS = 6_000


@pytest.fixture(scope="module")
def account() -> Account:
    return Folds(PARTITIONS, refunds()).run(seed=20261126, count=RECORDS)


def test_every_record_is_folded_or_a_dead_letter(account: Account) -> None:
    assert account.records == RECORDS
    assert RECORDS / 4 < account.refused < RECORDS * 3 / 4
    assert account.decided > RECORDS / 10


def test_every_kind_of_mutation_and_of_refusal_comes_up(account: Account) -> None:
    assert account.kinds.keys() == {*KINDS, "large"}
    assert account.reasons.keys() >= {"value", "type", "key", "partition", "specversion", "subject", "time", "id"}


def test_the_same_seed_gives_the_same_records() -> None:
    first, again, another = (list(mutants(seed, 200, PARTITIONS, "sha256:x")) for seed in (1, 1, 2))
    assert first == again != another


def test_answers_of_humans_are_copied_or_dead_letters() -> None:
    """The same mutants on the topic of resolutions; a copy is one that the fold takes."""
    copied = 0
    for offset, mutant in enumerate(mutants(7, RECORDS, PARTITIONS, "sha256:x")):
        record = record_of(mutant, offset)
        copies, letters = sort(PARTITIONS, [record], now_ms=1)
        assert len(copies) + len(letters) == 1
        for event in copies:
            copied += 1
            assert decode(orjson.dumps(event)).raw["data"]["id"]
        for row in letters:
            check(record, row.value, row.headers)
    assert copied > RECORDS / 100


def record_of(mutant: Mutant, offset: int) -> Record:
    return Record(RESOLUTIONS, mutant.partition, offset, 1, mutant.key, mutant.value, mutant.headers)
