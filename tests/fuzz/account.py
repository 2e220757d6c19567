"""Where each record went: folded or refused, one or the other, and what was refused is whole. The pure fold judges."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

from handrail.policies import Bundle
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS, CATALOGUE, DEADLETTERS, HANDOFFS, STATES
from handrail.streams.governor.partition import Folded, PartitionFold
from tests.fuzz.mutations import Mutant, mutants

NOW_MS = 1_764_000_000_000
STEP_MS = 20  # so that in a long run approvals expire and conversations are forgotten
HANDOFFS_MAX = 100
ROOM = 1_000  # bytes of a record beside its value


@dataclass
class Account:
    """What became of the records of a run."""

    records: int = 0
    refused: int = 0
    decided: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.records:,} records = {self.records - self.refused:,} folded + {self.refused:,} dead letters; "
            f"{self.decided:,} decisions and other outputs; {self.records / max(self.seconds, 1e-9):,.0f} records/s"
        )


class Folds:
    """The folds of all partitions, over a log that this writes."""

    def __init__(self, partitions: int, bundle: Bundle) -> None:
        known = {bundle.ruleset: bundle}
        self._folds = [PartitionFold(number, partitions, known, bundle.ruleset) for number in range(partitions)]
        self._ends = [0] * partitions
        self._ruleset = bundle.ruleset
        self._handoffs: list[tuple[str, str]] = []

    def run(self, seed: int, count: int) -> Account:
        """Fold each mutant by itself. Fails where the fold raises, or what it gives could not be written or trusted."""
        account = Account()
        started_s = time.perf_counter()
        for mutant in mutants(seed, count, len(self._folds), self._ruleset, self._handoffs):
            record = self._record(mutant)
            folded = self._folds[mutant.partition].fold([record])
            take(account, mutant.kind, record, folded)
            self._remember(folded)
        account.seconds = time.perf_counter() - started_s
        return account

    def _record(self, mutant: Mutant) -> Record:
        offset = self._ends[mutant.partition]
        self._ends[mutant.partition] += 1
        at_ms = NOW_MS + STEP_MS * offset if mutant.timestamp_ms is None else mutant.timestamp_ms
        return Record(AGENT_EVENTS, mutant.partition, offset, at_ms, mutant.key, mutant.value, mutant.headers)

    def _remember(self, folded: Folded) -> None:
        for output in folded.outputs:
            if output.topic == HANDOFFS:
                named = orjson.loads(output.value)["id"].rpartition(".")[0]
                self._handoffs.append((output.key.decode(), named))
        del self._handoffs[:-HANDOFFS_MAX]


def take(account: Account, kind: str, record: Record, folded: Folded) -> None:
    """Count one record and what it gave. Fails where its dead letter is not the record, byte for byte."""
    letters = [output for output in folded.outputs if output.topic == DEADLETTERS]
    account.records += 1
    account.kinds[kind] += 1
    account.refused += len(letters)
    account.decided += len(folded.outputs) - len(letters)
    assert len(letters) <= 1, record
    for letter in letters:
        account.reasons[check(record, letter.value, letter.headers)] += 1
    for output in folded.outputs:
        assert len(output.value) <= CATALOGUE[output.topic].max_message_bytes - ROOM, record
    for write in (*folded.states, folded.partition_state):
        assert write is not None
        assert len(write.value or b"") <= CATALOGUE[STATES].max_message_bytes - ROOM, record


def check(record: Record, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> str:
    """The dead letter is this record, with its place and one line why. Gives the reason up to its first colon."""
    by_name = dict(headers)
    assert value == (record.value or b"")
    assert by_name.get("handrail-key") == record.key
    assert (by_name["handrail-topic"], by_name["handrail-partition"], by_name["handrail-offset"]) == (
        record.topic.encode(),
        str(record.partition).encode(),
        str(record.offset).encode(),
    )
    reason = by_name["handrail-reason"].decode()
    assert reason
    assert len(reason.splitlines()) == 1, reason
    return reason.partition(":")[0]
