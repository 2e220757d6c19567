"""What the fold makes of mutated records and of recorded conversations: `python -m tests.compiled.digest MUTANTS`.

Prints the file that the fold's code comes from, the number of records, and one SHA-256 over all outputs and states.
"""

import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.recorded import RECORDED, log_of, with_imports
from handrail.policies import Bundle
from handrail.schemas.record import Record
from handrail.schemas.topics import AGENT_EVENTS, PARTITIONS
from handrail.streams.governor import partition
from tests.fuzz.mutations import mutants

PACKS = Path(__file__).resolve().parents[2] / "handrail" / "policies" / "packs"
SEED, NOW_MS, STEP_MS, TOGETHER = 1, 1_764_000_000_000, 1_000, 20


def mutated(count: int, bundle: Bundle) -> list[Record]:
    """Records of all partitions, most of them broken in some way."""
    numbered = enumerate(mutants(SEED, count, PARTITIONS, bundle.ruleset))
    return [
        Record(
            AGENT_EVENTS, mutant.partition, offset, mutant.timestamp_ms or NOW_MS + STEP_MS * offset, mutant.key,
            mutant.value, mutant.headers,
        )
        for offset, mutant in numbered
    ]  # fmt: skip


def folded(log: Sequence[Record], count: int, bundle: Bundle) -> Iterator[bytes]:
    """All that is to be produced and to be remembered, batch by batch, one of `count` partitions after the other."""
    for number in range(count):
        fold = partition.PartitionFold(number, count, {bundle.ruleset: bundle}, bundle.ruleset)
        records = [record for record in log if record.partition == number]
        for at in range(0, len(records), TOGETHER):
            yield repr(fold.fold(records[at : at + TOGETHER])).encode()


def main() -> None:
    bundle, digest, records = with_imports(PACKS), sha256(), 0
    recorded = log_of(sorted(RECORDED.glob("*.json.gz")))
    for log, count in ((mutated(int(sys.argv[1]), bundle), PARTITIONS), (recorded, 1)):
        records += len(log)
        for part in folded(log, count, bundle):
            digest.update(part)
    print(partition.__file__, records, digest.hexdigest())


if __name__ == "__main__":
    main()
