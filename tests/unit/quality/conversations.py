"""Records of a conversation, as scorers get them."""

from typing import Any

from handrail.streams.quality.transcript import Logged, Transcript

WRITES = ("cancel_order", "issue_refund")


def effect(tool: str, declared: str | None) -> str:
    return "write" if tool in WRITES or declared == "write" else "unknown"


def customer(text: str) -> tuple[str, dict[str, Any]]:
    return "query.received", {"text": text}


def agent(text: str) -> tuple[str, dict[str, Any]]:
    return "message.sent", {"role": "assistant", "text": text}


def call(tool: str, result: Any = "ok", status: str = "ok", action_id: str = "a1", **arguments: Any) -> Any:
    data = {"tool": tool, "action_id": action_id, "arguments": arguments, "status": status, "result": result}
    return "action.executed", data


def decision(*reasons: dict[str, Any], action_id: str = "a1", kind: str = "action", verdict: str = "allow") -> Any:
    return "decision", {"kind": kind, "verdict": verdict, "reasons": list(reasons), "action_id": action_id}


def reason(code: str = "policy", mode: str = "enforce", action: str = "block") -> dict[str, Any]:
    return {"code": code, "mode": mode, "action": action}


def ended(outcome: str) -> tuple[str, dict[str, Any]]:
    return "execution.ended", {"outcome": outcome}


def logged(*told: tuple[str, Any]) -> list[Logged]:
    return [Logged(offset, f"handrail.{kind}.v1", data) for offset, (kind, data) in enumerate(told)]


def transcript(*told: tuple[str, Any]) -> Transcript:
    return Transcript.of(logged(*told), effect)
