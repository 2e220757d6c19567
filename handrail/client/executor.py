"""Functions behind a gate: each is the executor of one tool, which it names itself."""

import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from handrail.client.errors import GateRefused
from handrail.client.running import checked, here, is_async, not_awaited, whole
from handrail.schemas.errors import ConfigError

if TYPE_CHECKING:
    from handrail.client.gate import Gate

BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)


def executor(gate: "Gate", function: Callable[..., Any], name: str | None) -> Callable[..., Any]:
    """The function, called with a decision and the arguments that came with it. Raises ConfigError."""
    tool, signature = checked(function, name), inspect.signature(function)
    if not tool.isidentifier() and name is None:
        raise ConfigError(f"{tool}: has no name of its own: give the tool's, gate.tool(function, name=…)")
    if any(one.kind not in BY_NAME for one in signature.parameters.values()):
        raise ConfigError(f"{tool}: takes arguments by position alone: arguments come by name")

    def fit(given: Any) -> Any:
        """Refuse before anything is claimed what the function would not take."""
        try:
            signature.bind(**given)
        except TypeError as error:
            raise GateRefused(f"{tool}: its arguments do not fit: {error}") from None
        return given

    @functools.wraps(function)
    def execute(decision: Any, arguments: Any) -> Any:
        with gate.admit(decision, tool, fit(arguments)) as admitted:
            return not_awaited(here(function, (), admitted.arguments).given_here(), tool)

    @functools.wraps(function)
    async def execute_async(decision: Any, arguments: Any) -> Any:
        async with gate.admit(decision, tool, fit(arguments)) as admitted:
            return await whole(await function(**admitted.arguments))

    return execute_async if is_async(function) else execute
