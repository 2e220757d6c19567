"""Dead letters on their topic: which there are, and one in full."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heappush, heappushpop
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from handrail.desk.wire import reachable
from handrail.schemas.clock import to_rfc3339
from handrail.schemas.errors import ConfigError, HandrailError
from handrail.schemas.topics import DEADLETTERS
from handrail.streams.engine.ends import beginnings, ends
from handrail.streams.engine.scan import partitions, scan, stretch


class NoSuchLetter(HandrailError):
    """No dead letter lies there."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. Of a listed one `value` is None; `size` is how many bytes it has."""

    partition: int
    offset: int
    at_ms: int
    headers: Mapping[str, bytes]
    size: int
    value: bytes | None = None

    def header(self, name: str) -> str:
        """What `handrail-NAME` says; empty where it is not there."""
        return self.headers.get(f"handrail-{name}", b"").decode(errors="backslashreplace")

    @property
    def at(self) -> str:
        """When it was refused, in the time of the log."""
        return self.header("at") or to_rfc3339(self.at_ms)

    @property
    def origin(self) -> str:
        """Where the record lay: `agent.events.v1[2] offset 17`."""
        return f"{self.header('topic')}[{self.header('partition')}] offset {self.header('offset')}"

    def plain(self) -> dict[str, Any]:
        """For programs; `value_base64` where the bytes are there."""
        found: dict[str, Any] = {"partition": self.partition, "offset": self.offset, "at": self.at}
        origin = {name: self.header(name) for name in ("topic", "partition", "offset")}
        found["from"] = origin | {name: int(origin[name]) for name in ("partition", "offset") if origin[name].isdigit()}
        found["key"] = self.header("key") if "handrail-key" in self.headers else None
        found |= {"reason": self.header("reason"), "bytes": self.size}
        return found if self.value is None else found | {"value_base64": b64encode(self.value).decode()}


async def newest(bootstrap: str, limit: int, reason: str) -> tuple[list[Letter], int]:
    """The newest `limit` letters whose reason contains `reason`, the newest last; and how many there are of them.

    Raises ConfigError where the broker or the topic is not there.
    """
    kept: list[tuple[str, int, int, Letter]] = []
    count = 0
    with reachable(bootstrap):
        await _there(bootstrap)
        async for record in scan(bootstrap, [DEADLETTERS]):
            letter = _letter(record, with_value=False)
            if reason.casefold() not in letter.header("reason").casefold():
                continue
            count += 1
            one = (letter.at, letter.partition, letter.offset, letter)
            if len(kept) < limit:
                heappush(kept, one)
            else:
                heappushpop(kept, one)
    return [letter for *_, letter in sorted(kept)], count


async def one(bootstrap: str, partition: int, offset: int) -> Letter:
    """The letter at this place of the topic. Raises NoSuchLetter, and ConfigError as `newest`."""
    tp = TopicPartition(DEADLETTERS, partition)
    with reachable(bootstrap):
        there = await _there(bootstrap)
        if tp not in there:
            raise NoSuchLetter(f"{DEADLETTERS}[{partition}]: no such partition, it has {len(there)}: see `list`")
        first, last = (await beginnings(bootstrap, [tp]))[tp], (await ends(bootstrap, [tp]))[tp]
        if first <= offset < last:
            found = [_letter(one, with_value=True) async for one in stretch(bootstrap, tp, offset, offset + 1)]
            if found:
                return found[0]
    held = f"it has {first} to {last - 1}" if first < last else "it is empty"
    raise NoSuchLetter(f"{DEADLETTERS}[{partition}] offset {offset}: nothing lies there, {held}: see `list`")


async def _there(bootstrap: str) -> list[TopicPartition]:
    found = await partitions(bootstrap, [DEADLETTERS])
    if not found:
        raise ConfigError(f"broker {bootstrap}: no topic {DEADLETTERS}: start `handrail up` or `handrail worker` first")
    return found


def _letter(record: ConsumerRecord, with_value: bool) -> Letter:
    value = record.value or b""
    headers = dict(record.headers)
    shown = value if with_value else None
    return Letter(record.partition, record.offset, record.timestamp, headers, len(value), shown)
