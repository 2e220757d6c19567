"""What came of a call, as `action.executed` tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from handrail.client.json_values import TEXT_MAX, parse_json
from handrail.mcp.server_messages import ServerResponse

NOT_ANSWERED = "it was sent as a notification, which no server answers"
UNFINISHED = "the server asks for more input before it does it"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`error` None: it went well. `unknown`: the server was given the call and has not said how it ended."""

    result: Any
    error: str | None
    unknown: bool = False


def outcome_of(answer: ServerResponse) -> Outcome:
    """What the server answered: an error of the protocol and a result with `isError` are errors."""
    if "result" not in answer.value:
        return Outcome(None, _text(answer.value["error"]))
    result = answer.value["result"]
    if not isinstance(result, Mapping):
        return Outcome(result, None)
    if result.get("resultType") == "input_required":
        return Outcome(dict(result), UNFINISHED)
    return Outcome(_result_of(result), _content(result) or "isError" if result.get("isError") is True else None)


def _result_of(result: Mapping[str, Any]) -> Any:
    """What rules may take facts from: structured content; else a single text, as JSON where it is; else all of it."""
    if result.get("structuredContent") is not None:
        return result["structuredContent"]
    content = result.get("content")
    if isinstance(content, list) and len(content) == 1 and (text := _text_of(content[0])) is not None:
        return parse_json(text)
    if not isinstance(content, list):
        return _bare(result) if content is None else content
    return [_bare(part) if isinstance(part, Mapping) else part for part in content]


def _bare(said: Mapping[str, Any]) -> dict[str, Any]:
    """Without what the protocol keeps for itself."""
    return {name: value for name, value in said.items() if name != "_meta"}


def _content(result: Mapping[str, Any]) -> str:
    content = result.get("content")
    said = [_text_of(part) for part in content] if isinstance(content, list) else []
    return " ".join(text for text in said if text)[:TEXT_MAX]


def _text_of(part: object) -> str | None:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
    return text if isinstance(text, str) else None


def _text(error: object) -> str:
    if isinstance(error, Mapping):
        return f"{error.get('code')}: {error.get('message')}"[:TEXT_MAX]
    return str(error)[:TEXT_MAX]
