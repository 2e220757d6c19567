"""Responses that the proxy gives itself: to what is not allowed, and to what is no message."""

import json
from typing import Any

from handrail.client.errors import SAYS_NOTHING, GovernanceError, NeedsApproval
from handrail.mcp.message import Malformed, RequestId
from handrail.schemas.errors import HandrailError, SchemaError

META = "handrail/decision"


def refused(request_id: RequestId, error: HandrailError, *, shaped: bool, typed: bool) -> bytes:
    """A CallToolResult with `isError`: what may be said aloud, and what was decided.

    `shaped`: the tool promises another structured content, which clients check even in errors; then what was decided
    stands in `_meta` only. `typed`: results of the client's revision name their type.
    """
    decided = decision_of(error)
    result: dict[str, Any] = {"content": [{"type": "text", "text": error_text(error)}], "isError": True}
    if not shaped:
        result["structuredContent"] = decided
    if typed:
        result["resultType"] = "complete"
    return _line({"jsonrpc": "2.0", "id": request_id, "result": result | {"_meta": {META: decided}}})


def malformed(error: Malformed) -> bytes:
    """The JSON-RPC error for what is no message."""
    told = {"code": error.code, "message": f"handrail: {error.reason}"}
    return _line({"jsonrpc": "2.0", "id": error.id, "error": told})


def decision_of(error: HandrailError) -> dict[str, Any]:
    """`{refused, verdict, decision_id, handoff_id}`; all but the first None where nothing was decided."""
    decision = error.decision if isinstance(error, GovernanceError) else None
    return {
        "refused": type(error).__name__,
        "verdict": decision and decision.verdict,
        "decision_id": decision and decision.decision_id,
        "handoff_id": decision and decision.handoff_id,
    }


def error_text(error: HandrailError) -> str:
    """What the model gets to read, and may say to the customer."""
    if isinstance(error, SchemaError):
        return f"This call cannot be judged, so it was not made: {error}"
    if not isinstance(error, GovernanceError):
        return SAYS_NOTHING
    if isinstance(error, NeedsApproval) and error.decision is not None and error.decision.handoff_id:
        waits = f"It waits for a person (handoff {error.decision.handoff_id})"
        return f"{error.customer_message} {waits}: make the same call again, unchanged, to get the answer."
    return error.customer_message


def _line(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
