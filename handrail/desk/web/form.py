"""What a person typed and clicked, as it comes from the page."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from handrail.schemas.errors import ConfigError

FIELDS_MAX = 40
NOTE_MAX = 10_000
LISTED_MAX = 20
HANDLING_S_MAX = 8 * 3600
BACK_MS, AHEAD_MS = 15 * 60 * 1000, 5_000  # a browser's time of a click may be so far from now
OUTCOMES = ("approved", "denied", "resolved", "returned")
_EVENT_ID = re.compile(r"[0-9a-f]{32}")
_YES_NO = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form that was sent; what is missing is empty."""

    fields: Mapping[str, str]

    @classmethod
    def of(cls, body: bytes) -> "Form":
        """The fields of an urlencoded body. Raises ConfigError."""
        try:
            fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX)
        except (UnicodeDecodeError, ValueError):
            raise ConfigError("form: cannot be read: send it from the page") from None
        return cls(dict(fields))

    def __getitem__(self, name: str) -> str:
        return self.fields.get(name, "").replace("\r\n", "\n").strip()

    @property
    def event_id(self) -> str:
        """The id of the event that this click is: sent twice, it is the same click. Raises ConfigError."""
        event_id = self["event_id"]
        if not _EVENT_ID.fullmatch(event_id):
            raise ConfigError("form: event_id: must be the one of the page: load it again")
        return event_id

    @property
    def outcome(self) -> str:
        """Which answer was clicked. Raises ConfigError."""
        if self["outcome"] not in OUTCOMES:
            raise ConfigError(f"form: outcome: must be one of {', '.join(OUTCOMES)}")
        return self["outcome"]

    @property
    def revision(self) -> int:
        """The revision of the handoff that the page showed; 1 where it says none."""
        return max(_number(self["revision"]) or 1, 1)

    def at_ms(self, now_ms: int) -> int:
        """When it was clicked: as the browser says, so that a second try is the same event; else now."""
        clicked_ms = _number(self["at"])
        return clicked_ms if clicked_ms is not None and now_ms - BACK_MS <= clicked_ms <= now_ms + AHEAD_MS else now_ms

    def resolution_fields(self, at_ms: int) -> dict[str, Any]:
        """The optional fields of a resolution. Raises ConfigError."""
        if len(self["note"]) > NOTE_MAX:
            raise ConfigError(f"note: has {len(self['note'])} characters: write at most {NOTE_MAX}")
        return {
            "note": self["note"] or None,
            "revision": self.revision,
            "labels": self._listed("labels"),
            "context_missing": self._listed("context_missing"),
            "cost_usd": self["cost_usd"] or None,
            "handling_s": self._handling_s(at_ms),
            **{name: _YES_NO.get(self[name]) for name in ("handoff_needed", "context_ok", "customer_repeated")},
        }

    def _listed(self, name: str) -> list[str] | None:
        return [part.strip() for part in self[name].split(",") if part.strip()][:LISTED_MAX] or None

    def _handling_s(self, at_ms: int) -> float | None:
        since = _number(self["since"])
        return None if since is None else round(min(max(at_ms - since, 0) / 1000, HANDLING_S_MAX), 1)


def new_event_id() -> str:
    """For a form that has not been sent yet."""
    return uuid4().hex


def now_ms() -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return int(time.time() * 1000)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 14 else None
