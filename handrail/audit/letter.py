"""One record of the topic of dead letters: what it says of the record that was refused. Pure."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail.schemas.clock import to_rfc3339
from handrail.schemas.topics import DEADLETTERS
from handrail.streams.governor.deadletters import FIRST_PLACE, REDRIVEN_TO, place

Headers = tuple[tuple[str, bytes], ...]
Place = tuple[int, int]
"""(partition, offset) of a letter."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. Of a listed one `value` is None; `size` is how many bytes it has.

    `sent` has its headers as they came, in which a name may stand twice. `redriven` says when it went back into the
    log, and to which place; None where it did not.
    """

    partition: int
    offset: int
    at_ms: int
    sent: Headers
    size: int
    value: bytes | None = None
    redriven: tuple[str, str] | None = None

    @classmethod
    def of(cls, record: Any, with_value: bool) -> "Letter":
        """The aiokafka ConsumerRecord as a letter."""
        value = record.value or b""
        shown = value if with_value else None
        return cls(record.partition, record.offset, record.timestamp, tuple(record.headers), len(value), shown)

    @property
    def headers(self) -> Mapping[str, bytes]:
        """The headers by their names."""
        return {name: value or b"" for name, value in self.sent}

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

    @property
    def where(self) -> Place:
        """Where the letter itself lies: partition and offset."""
        return self.partition, self.offset

    @property
    def place(self) -> str:
        """The same, as headers say it."""
        return place(DEADLETTERS, self.partition, self.offset)

    @property
    def first_place(self) -> str:
        """Where the record lay before it was redriven for the first time; where it lay, if it never was."""
        found = self.headers.get(FIRST_PLACE, b"").decode(errors="backslashreplace")
        return found or place(*(self.header(name) for name in ("topic", "partition", "offset")))

    @property
    def is_note(self) -> bool:
        """Whether it is the note of a redrive and no dead letter."""
        return REDRIVEN_TO in self.headers

    @property
    def noted(self) -> Place | None:
        """Of a note: where the letter lies that it is about; None where it does not say."""
        said = self.header("partition"), self.header("offset")
        if self.header("topic") != DEADLETTERS or not all(one.isdigit() for one in said):
            return None
        return int(said[0]), int(said[1])

    def plain(self) -> dict[str, Any]:
        """For programs; `value_base64` where the bytes are there."""
        found: dict[str, Any] = {"partition": self.partition, "offset": self.offset, "at": self.at}
        origin = {name: self.header(name) for name in ("topic", "partition", "offset")}
        found["from"] = origin | {name: int(origin[name]) for name in ("partition", "offset") if origin[name].isdigit()}
        found["first_place"] = self.first_place
        found["key"] = self.header("key") if "handrail-key" in self.headers else None
        found |= {"reason": self.header("reason"), "bytes": self.size}
        found["redriven"] = None if self.redriven is None else dict(zip(("at", "to"), self.redriven, strict=True))
        return found if self.value is None else found | {"value_base64": b64encode(self.value).decode()}
