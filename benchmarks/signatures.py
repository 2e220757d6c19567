"""What signing and checking decisions costs, by the number of decisions in a produce batch.

    python -m benchmarks.signatures

Printed: microseconds a decision to sign and to check (median of seven rounds), bytes that a signature adds, and what an
action waits for at a gate, its claim on the disk included (median and 99th percentile, milliseconds).
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson

from benchmarks.bundles import write_ten_rules
from handrail.client import Gate
from handrail.policies import load_bundle
from handrail.schemas.clock import to_ms
from handrail.schemas.keys import SigningKey
from handrail.schemas.signature import decision_refused, sign_batch
from tests.log import Log

SIZES = (1, 8, 64, 200)
ROUNDS, ADMITTED = 7, 500


def decisions(count: int, folder: Path) -> list[bytes]:
    """As many decisions on refunds, as the fold gives them; limits are per conversation."""
    log = Log()
    for number in range(count):
        log.conversation = f"conv-{number // 50}"
        log.proposes("refund", action_id=f"a{number}", order_id=f"#W{number}", amount=number % 90)
    outputs = [output for folded in log.fold(load_bundle(folder), batch=200).folded for output in folded.outputs]
    return [output.value for output in outputs if b"handrail.decision.v1" in output.value][:count]


def us(work: Callable[[], object], count: int) -> float:
    """Median microseconds of the processor for each of `count`."""
    taken = []
    for _ in range(ROUNDS):
        started = time.process_time()
        work()
        taken.append((time.process_time() - started) / count * 1e6)
    return statistics.median(taken)


def main() -> None:
    key = SigningKey(bytes(range(32)))
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policies").mkdir()
        write_ten_rules(folder / "policies")
        plain = decisions(ADMITTED, folder / "policies")
        print("decisions  sign us  check us  bytes")
        for size in SIZES:
            batch = plain[:size]
            signed = sign_batch(key, batch)
            data = [orjson.loads(value)["data"] for value in signed]
            sign = us(lambda batch=batch: [sign_batch(key, batch) for _ in range(20)], 20 * size)
            check = us(lambda data=data: [decision_refused(value, {key.id: key.public}) for value in data], size)
            added = statistics.mean(len(value) for value in signed) - statistics.mean(len(value) for value in batch)
            print(f"{size:>9} {sign:>8.1f} {check:>9.1f} {added:>6.0f}")
        waited = sorted(gate_ms(key, [orjson.loads(value) for value in sign_batch(key, plain)], folder / "claims.db"))
        print(f"gate: p50 {waited[len(waited) // 2]:.2f} ms, p99 {waited[int(len(waited) * 0.99)]:.2f} ms")


def gate_ms(key: SigningKey, records: list[dict[str, object]], store: Path) -> list[float]:
    """Milliseconds to be let through, one action after the other, each a second after its decision."""
    now_s, waited = [0.0], []
    gate = Gate([key.public.line], store, clock=lambda: now_s[0])
    for number, record in enumerate(records):
        now_s[0] = to_ms(str(record["time"])) / 1000 + 1
        started = time.perf_counter()
        with gate.admit(record, "refund", {"order_id": f"#W{number}", "amount": number % 90}):
            waited.append((time.perf_counter() - started) * 1000)
    return waited


if __name__ == "__main__":
    main()
