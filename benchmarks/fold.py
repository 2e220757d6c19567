"""What folding one record costs in process, decode included, with ten rules.

    python -m benchmarks.fold [--profile] [--collect]

Prints the median of five rounds in microseconds a record, for proposals alone (the dearest record) and for the mixture
of a conversation (query, LLM call, proposal, execution, answer, message). With `--collect` garbage is looked for as
often as Python does by itself; without, as rarely as in a worker.
"""

import cProfile
import gc
import pstats
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson

from benchmarks.bundles import write_ten_rules
from handrail.policies import Bundle, load_bundle
from handrail.schemas.record import Record
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.process import collect_less

RECORDS, CONVERSATIONS, BATCH, ROUNDS = 24_000, 2_000, 500, 5


def ten_rules() -> Bundle:
    """The bundle of `write_ten_rules`."""
    with TemporaryDirectory() as folder:
        write_ten_rules(Path(folder))
        return load_bundle(Path(folder))


def proposals() -> Iterator[tuple[str, dict[str, Any]]]:
    """Proposals of refunds, each another one."""
    for number in range(RECORDS):
        arguments = {"order_id": f"#W{number}", "amount": number % 90, "reason": "damaged"}
        yield "action.proposed", {"action_id": f"a{number}", "tool": "refund", "arguments": arguments}


def mixture() -> Iterator[tuple[str, dict[str, Any]]]:
    """Conversations as they go: each turn of six records belongs to one conversation."""
    model = {"provider": "openai", "name": "gpt-4.1"}
    for turn in range(RECORDS // 6):
        arguments = {"order_id": f"#W{turn}"}
        text = f"Where is my order number {turn}, please? It should have been here days ago."
        yield "query.received", {"text": text, "channel": "chat"}
        yield "llm.completed", {"model": model, "usage": {"input_tokens": 900, "output_tokens": 40}}
        yield "action.proposed", {"action_id": f"a{turn}", "tool": "get_order", "arguments": arguments}
        result = {"status": "ok", "result": {"total": turn, "state": "sent"}}
        yield "action.executed", {"action_id": f"a{turn}", "tool": "get_order", "arguments": arguments, **result}
        yield (
            "response.proposed",
            {"response_id": f"r{turn}", "text": f"Order {turn} is on its way.", "confidence": 0.9},
        )
        yield "message.sent", {"role": "assistant", "text": f"Order {turn} is on its way.", "response_id": f"r{turn}"}


def records(events: Iterator[tuple[str, dict[str, Any]]], together: int, first: int = 0) -> list[Record]:
    """The log of these events, from offset `first` on; `together` of them in a row belong to one conversation."""
    log = []
    for offset, (name, data) in enumerate(events, first):
        conversation = f"conv-{offset // together % CONVERSATIONS}"
        event = {
            "specversion": "1.0",
            "id": f"01JD{offset:020d}",
            "source": "/agents/refunds",
            "type": f"handrail.{name}.v1",
            "subject": conversation,
            "time": "2026-11-23T10:15:02.412Z",
            "datacontenttype": "application/json",
            "data": {
                "agent_id": "refunds",
                "conversation_id": conversation,
                "execution_id": f"{conversation}/1",
                **data,
            },
        }
        log.append(
            Record("agent.events.v1", 0, offset, 1_764_000_000_000 + offset, conversation.encode(), orjson.dumps(event))
        )
    return log


def fold_all(log: list[Record], bundle: Bundle) -> float:
    """Seconds for the whole log, in batches of BATCH."""
    fold = PartitionFold(0, None, {bundle.ruleset: bundle}, bundle.ruleset)
    gc.collect()
    started = time.perf_counter()
    for at in range(0, len(log), BATCH):
        fold.fold(log[at : at + BATCH])
    return time.perf_counter() - started


def main() -> None:
    bundle = ten_rules()
    if "--collect" not in sys.argv:
        collect_less()
    for name, log in (("proposals", records(proposals(), 1)), ("mixture", records(mixture(), 6))):
        rounds = [fold_all(log, bundle) / len(log) * 1e6 for _ in range(ROUNDS)]
        print(f"{name}: {statistics.median(rounds):.1f} us a record (best {min(rounds):.1f}, {len(log)} records)")
        if "--profile" in sys.argv:
            profile = cProfile.Profile()
            profile.runcall(fold_all, log, bundle)
            pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main()
