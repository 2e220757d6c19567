"""Responses to calls: the outcome that a server's response reports, and the responses of the proxy itself."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail.client.errors import SAYS_NOTHING, GovernanceError, NeedsApproval
from handrail.client.json_values import TEXT_MAX, parse_json
from handrail.mcp.messages import Malformed, RequestId, ServerResponse
from handrail.schemas.errors import HandrailError, SchemaError

META = "handrail/decision"
NOT_ANSWERED = "it was sent as a notification, which no server answers"
UNFINISHED = "the server asks for more input before it does it"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call ended. `error` None: it succeeded. `unknown`: the server has the call and did not report its end."""

    result: Any
    error: str | None
    unknown: bool = False


def outcome_of(answer: ServerResponse) -> Outcome:
    """The outcome of a response: an error of the protocol and a result with `isError` are errors."""
    if "result" not in answer.value:
        return Outcome(None, _protocol_error(answer.value["error"]))
    result = answer.value["result"]
    if not isinstance(result, Mapping):
        return Outcome(result, None)
    if result.get("resultType") == "input_required":
        return Outcome(dict(result), UNFINISHED)
    return Outcome(_result_of(result), _content_text(result) or "isError" if result.get("isError") is True else None)


def _result_of(result: Mapping[str, Any]) -> Any:
    """What rules may take facts from: structured content; else a single text, as JSON where it is; else all of it."""
    if result.get("structuredContent") is not None:
        return result["structuredContent"]
    content = result.get("content")
    if isinstance(content, list) and len(content) == 1 and (text := _block_text(content[0])) is not None:
        return parse_json(text)
    if not isinstance(content, list):
        return _without_meta(result) if content is None else content
    return [_without_meta(part) if isinstance(part, Mapping) else part for part in content]


def _without_meta(mapping: Mapping[str, Any]) -> dict[str, Any]:
    """Without the fields that the protocol reserves."""
    return {name: value for name, value in mapping.items() if name != "_meta"}


def _content_text(result: Mapping[str, Any]) -> str:
    content = result.get("content")
    texts = [_block_text(part) for part in content] if isinstance(content, list) else []
    return " ".join(text for text in texts if text)[:TEXT_MAX]


def _block_text(part: object) -> str | None:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
    return text if isinstance(text, str) else None


def _protocol_error(error: object) -> str:
    if isinstance(error, Mapping):
        return f"{error.get('code')}: {error.get('message')}"[:TEXT_MAX]
    return str(error)[:TEXT_MAX]


def refusal_response(request_id: RequestId, error: HandrailError, *, shaped: bool, typed: bool) -> bytes:
    """A CallToolResult with `isError`: what may be said aloud, and the decision.

    `shaped`: the tool promises another structured content, which clients check even in errors; then the decision is in
    `_meta` only. `typed`: results of the client's revision name their type.
    """
    decided = decision_of(error)
    result: dict[str, Any] = {"content": [{"type": "text", "text": error_text(error)}], "isError": True}
    if not shaped:
        result["structuredContent"] = decided
    if typed:
        result["resultType"] = "complete"
    return _line({"jsonrpc": "2.0", "id": request_id, "result": result | {"_meta": {META: decided}}})


def malformed_response(error: Malformed) -> bytes:
    """The JSON-RPC error for a malformed message."""
    body = {"code": error.code, "message": f"handrail: {error.reason}"}
    return _line({"jsonrpc": "2.0", "id": error.id, "error": body})


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
    """The text for the model, which may say it to the customer."""
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
