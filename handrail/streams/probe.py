"""Yes, or no and why: what a process says when it is asked how it is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """Yes where `reason` is empty, else one line that says why not; `more` goes with it either way."""

    reason: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)


Question = Callable[[], ProbeResult]
