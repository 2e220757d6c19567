"""What a principal has, beside what its role needs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from handrail.acl.acls import EVERYBODY, EVERYWHERE, Granted
from handrail.kafka.rights import Right


@dataclass(frozen=True, slots=True)
class Compared:
    """`missing` must be added, `more` is beyond the role, `denied` wins over whatever is granted."""

    missing: tuple[Right, ...]
    more: tuple[Granted, ...]
    denied: tuple[Granted, ...]

    @property
    def right(self) -> bool:
        """Whether it is as the role says."""
        return not (self.missing or self.more or self.denied)


def compare(needed: Sequence[Right], acl: Iterable[Granted]) -> Compared:
    """An entry that only holds from one host is no grant of what is needed; what is granted to everybody is one."""
    entries = tuple(acl)
    denied = tuple(entry for entry in entries if entry.denied)
    granted = tuple(entry for entry in entries if not entry.denied)
    everywhere = [entry.right for entry in granted if entry.host == EVERYWHERE]
    missing = tuple(right for right in needed if not any(entry.covers(right) for entry in everywhere))
    more = tuple(entry for entry in granted if not _needed(entry, needed))
    return Compared(missing, more, denied)


def _needed(entry: Granted, needed: Sequence[Right]) -> bool:
    """Whether the role has this entry, or another one that has it with it."""
    return entry.principal != EVERYBODY and any(right.covers(entry.right) for right in needed)
