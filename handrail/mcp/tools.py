"""What the server's `tools/list` says of its tools; nobody vouches for it, so it may only make things stricter."""

from typing import Any

from handrail.client.call import Effect

TOOLS_MAX = 1_000


class Tools:
    """Tools that say they change something, and tools that promise a shape of their results; TOOLS_MAX of each."""

    def __init__(self) -> None:
        self._writing: set[str] = set()
        self._shaped: set[str] = set()

    def learn(self, result: object) -> None:
        """One page of `tools/list`. What a tool was once said to change, it changes for the rest of the session."""
        listed = result.get("tools") if isinstance(result, dict) else None
        for tool in listed if isinstance(listed, list) else ():
            if isinstance(tool, dict) and isinstance(name := tool.get("name"), str):
                self._learn(name, tool)

    def effect(self, tool: str) -> Effect | None:
        """`write` where it says so. Never `read`: what it does is what `tools.yaml` says, and unknown else."""
        return "write" if tool in self._writing else None

    def is_shaped(self, tool: str) -> bool:
        """Whether clients check the structured content of its results against a schema."""
        return tool in self._shaped

    def _learn(self, name: str, tool: dict[str, Any]) -> None:
        hints = tool.get("annotations")
        if isinstance(hints, dict) and (hints.get("readOnlyHint") is False or hints.get("destructiveHint") is True):
            _add(self._writing, name)
        if isinstance(tool.get("outputSchema"), dict):
            _add(self._shaped, name)


def _add(names: set[str], name: str) -> None:
    if len(names) < TOOLS_MAX:
        names.add(name)
