"""Entries: what was said and tried in a conversation, each written once under `<conversation>\\0<n>`.

A handoff is built from them. They are kept beside the head so that a batch writes a kilobyte, not the whole story. What
they leave out of a message or a value says excerpts.py.
"""

from typing import Literal

import msgspec

ENTRIES_MAX = 600  # of one conversation; older ones are found on the log by their offset


class Message(msgspec.Struct, array_like=True, tag="s"):
    """One message of the transcript."""

    role: Literal["customer", "assistant", "human_agent", "customer_action"]
    text: str
    at_ms: int
    offset: int
    cut: bool = False


class Proposal(msgspec.Struct, array_like=True, tag="t"):
    """One proposal, and what was decided. `arguments` is JSON, cut where it is long."""

    step: int
    action_id: str
    tool: str
    arguments: bytes
    decision_id: str
    verdict: int
    at_ms: int
    offset: int
    redacted: list[str] = []


class ToolExecution(msgspec.Struct, array_like=True, tag="d"):
    """One execution. `governed` is false where no decision allowed it; then it is an attempt of its own."""

    action_id: str
    tool: str
    status: str
    result: bytes
    governed: bool
    at_ms: int
    offset: int
    error: str = ""
    arguments: bytes = b""
    step: int = 0
    redacted: list[str] = []


Entry = Message | Proposal | ToolExecution

encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Entry).decode
