"""A commit that the group refuses, as it does where a worker was away past its session, is tried again."""

import logging
from collections import defaultdict
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP

from handrail.streams.engine.consumer import BatchConsumer

PARTITION, END = TP("agent.events.v1", 0), 170


async def nothing(*_: Any) -> list[Any]:
    return []


class Refused:
    """A consumer whose first commit is refused; `tried` are the offsets that went to the broker."""

    in_transaction = False

    def __init__(self) -> None:
        self.tried: list[int] = []
        self.processed = {PARTITION: END}
        self._acked, self._acked_index = defaultdict[TP, list[int]](list), defaultdict[TP, set[int]](set)
        self._committed_offset = defaultdict[TP, int | None](lambda: None)
        self.log = SimpleNamespace(dev=logging.debug, info=logging.info)
        self.app = SimpleNamespace(
            producer=SimpleNamespace(flush=nothing),
            tables=SimpleNamespace(on_commit=lambda _: None),
            monitor=SimpleNamespace(on_tp_commit=lambda _: None),
            _attachments=SimpleNamespace(publish_for_tp_offset=nothing),
        )

    def assignment(self) -> set[TP]:
        return {PARTITION}

    def _new_offset(self, tp: TP) -> int | None:
        return self.processed.get(tp)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        self.tried.append(offsets[PARTITION])
        return len(self.tried) > 1


class Ours(Refused, BatchConsumer):
    """With the engine's way of committing."""


class Stock(Refused, Consumer):  # type: ignore[misc]
    """With Faust's."""


@pytest.mark.parametrize(("kind", "tried"), [(Ours, [END, END]), (Stock, [END])])
async def test_an_idle_partition_is_committed_in_the_end(kind: type[Any], tried: list[int]) -> None:
    consumer = kind()
    for _ in range(3):
        await consumer._commit_tps([PARTITION], True)
    assert consumer.tried == tried
