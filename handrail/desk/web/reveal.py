"""The one place where a redacted value comes back: on a click, for the role `revealer`, after it is on the log.

`Reveal` is what finds redacted values (desk/reveal.py). Without one the desk says what was redacted, without a button.
"""

from collections.abc import Awaitable, Callable
from typing import Any

Reveal = Callable[[dict[str, Any], str], Awaitable[str | None]]
"""(the handoff's data, one of its `redacted` paths) -> the value, None where it is gone."""
