"""Records that are passed over: somebody wrote them who does not count, or nobody can read them."""

from dataclasses import dataclass

PASSED_MAX = 20  # of a topic, told by themselves; of more, how many
SHOWN = 80


@dataclass(frozen=True, slots=True)
class PassedOver:
    """One of them, and why."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    why: str

    def __str__(self) -> str:
        shown = "no key" if self.key is None else self.key[:SHOWN].decode(errors="backslashreplace")
        return f"{self.topic}[{self.partition}] offset {self.offset} ({shown!r}): {self.why}"
