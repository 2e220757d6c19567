"""What an audit counts, added up over partitions and told by name. Pure."""

from dataclasses import fields
from typing import Any, Self


class Counted:
    """For dataclasses of counts, which are told in the order in which they stand."""

    __slots__ = ()

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """What is counted."""
        declared: Any = cls
        return tuple(field.name for field in fields(declared))

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, name) + getattr(other, name) for name in self.names()))
