"""The gate: it lets an action through to where it runs, whatever the agent in front of it does or says."""

import asyncio
import copy
import functools
import inspect
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from handrail.client.claim import Claim, ClaimRequest
from handrail.client.claim_store import BEHIND_MS, KEPT_DAYS, ClaimStore
from handrail.client.decision_check import Arguments, DecisionCheck, GivenDecision
from handrail.client.errors import AlreadyClaimed, GateClosed, GateRefused
from handrail.client.running import is_async, may_have_run, refuse_awaitable, resolve, run_here, tool_name
from handrail.client.trusted_keys import TrustedKeys
from handrail.schemas.errors import ConfigError

TTL_S_MAX = 60.0  # `decision_ttl_s` of the limits, unless they say otherwise

log = logging.getLogger("handrail.client")
BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)

T = TypeVar("T")


class Gate:
    """Stands where actions run. It lets one through that was decided, exactly as it was decided, once.

    An agent hands over the decision as it lies on the log (`permit.record`) with the tool and its arguments. The gate
    needs no Kafka: it checks the signature against the keys it was given, the verdict, the end of the decision by this
    machine's clock, and that the digest is that of this tool with these arguments; then it claims the decision in a
    file, on the disk, before the action runs. The executor, not the caller, says which tool the gate guards.

    Parameters
    ----------
    keys : path, or sequence of str
        Whose decisions count: a file with a line `ssh-ed25519 AAAA…` for each key (`FILE.pub` of `handrail keys new`),
        looked at each time, so that a key that is taken out counts no more; or the lines.
    store : path
        The file of the claims (SQLite), on a local disk; all gates of a machine that guard the same actions share it.
        Gates of several machines that could get the same decision have to share one machine's. Where there is none it
        is made, which takes a second, and what was decided before it is refused. Gone or replaced while the gate is
        there, it closes the gate.
    ttl_s_max : float
        How long decisions hold at most: the largest `decision_ttl_s` of the limits. One that ends later says that this
        machine's clock is behind, and is refused; one that ends within it of the making of the file may be older.
    claims_kept_days : float
        How long claims are kept after the end of their decision. The same action may be decided again as long as
        somebody proposes it under its first `action_id`; without its claim it would run again.
    observed : bool
        True: let through what an agent does that its bundle only observes, whatever the verdict. Default: refuse it.

    Raises
    ------
    ConfigError
        The keys cannot be used.
    GateClosed
        The file of the claims cannot be made, read or written.
    """

    def __init__(
        self,
        keys: str | Path | Sequence[str],
        store: str | Path,
        *,
        ttl_s_max: float = TTL_S_MAX,
        claims_kept_days: float = KEPT_DAYS,
        observed: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._check = DecisionCheck(TrustedKeys(keys), ttl_s_max, observed, self._now_ms)
        self._claims = ClaimStore(Path(store), now_ms := self._now_ms(), claims_kept_days)
        if 0 < (new_ms := self._claims.from_ms - now_ms) <= BEHIND_MS:
            time.sleep(new_ms / 1000)

    def admit(self, decision: GivenDecision, tool: str, arguments: Arguments | None = None) -> "Admission":
        """Let one action through, for the length of a `with` or `async with` block around it.

            with gate.admit(request["decision"], tool="issue_refund", arguments=request["arguments"]) as admitted:
                refund(**admitted.arguments)

        Parameters
        ----------
        decision : Permit, mapping, bytes or str
            What `propose` returned, or the decision's record: a CloudEvent as it lies on the log.
        tool : str
            The name of the tool that this call runs, written here in the executor: never one that came with
            the request, or a decision on something harmless lets anything through.
        arguments : mapping, optional
            What it is about to run with. Needed beside a record; default: those of the permit. Run the action with
            `.arguments` of what this gives, the copy that was checked.

        Raises, on entering the block
        -----------------------------
        GateRefused
            It is not signed, has ended, is for something else, or does not allow it. Nothing was claimed.
        AlreadyClaimed
            It was acted on before, or is being; `claim` says when, by whom, and how that ended.
        GateClosed
            The gate itself cannot work: a file of it cannot be read or written, or the clock was set back.

        On leaving, the claim notes `ok`, or `error` where the block raised. Where the waiting ended and not the work (a
        cancellation, a TimeoutError, an exit) it stays open, since the outcome is not known.
        """
        return Admission(self, decision, tool, arguments)

    @overload
    def tool(
        self, function: Callable[..., T], *, name: str | None = None
    ) -> Callable[[GivenDecision, Arguments], T]: ...

    @overload
    def tool(
        self, function: None = None, *, name: str | None = None
    ) -> Callable[[Callable[..., T]], Callable[[GivenDecision, Arguments], T]]: ...

    def tool(self, function: Any = None, *, name: str | None = None) -> Any:
        """Make a function the executor of one tool: `@gate.tool`, or `@gate.tool(name="issue_refund")`.

        It is called with the decision and the arguments that came with it, `issue_refund(decision, arguments)`, and
        runs with a copy of them, by name, when the gate lets it through as a call of the tool `name` (default: the
        function's own). Async functions are awaited. Raises as `admit`, and GateRefused for arguments that the
        function does not take; ConfigError here for functions that yield, or take arguments by position alone.
        """
        if function is None:
            return lambda decorated: self.tool(decorated, name=name)
        return _executor(self, function, name)

    def earlier(self, decision: GivenDecision, tool: str, arguments: Arguments | None = None) -> Claim | None:
        """The claim of this decision, or of the same action under any of its ids; None where it was never begun.

        Nothing is claimed, and it may be asked about a decision that has ended. Raises GateRefused, GateClosed.
        """
        return self._claims.earlier(self._check.genuine(decision, tool, arguments), self._now_ms())

    def unfinished(self) -> list[Claim]:
        """Claims without an outcome: the process of the action was killed, or it still runs."""
        return self._claims.unfinished()

    def close(self) -> None:
        """Close the file of the claims."""
        self._claims.close()

    def check(self, decision: GivenDecision, tool: str, arguments: Arguments | None = None) -> ClaimRequest:
        """The claim to make where the action may run, whether or not it has. Raises GateRefused, GateClosed."""
        return self._check.admissible(decision, tool, arguments)

    def claim(self, request: ClaimRequest) -> None:
        """Claim the decision for this caller. Raises AlreadyClaimed, GateClosed."""
        earlier = self._claims.take(request, self._now_ms())
        if earlier is not None:
            about = f"{request.conversation_id}: {request.tool}: decision {request.decision_id[:12]}"
            raise AlreadyClaimed(f"{about} was used already: {earlier}", earlier)

    def end(self, request: ClaimRequest, outcome: str) -> None:
        """Record how it ended. Raises GateClosed."""
        self._claims.end(request.decision_id, outcome, self._now_ms())

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)


class Admission:
    """One action on its way through the gate: claimed on entering, its end noted on leaving."""

    def __init__(self, gate: Gate, decision: GivenDecision, tool: str, arguments: Arguments | None) -> None:
        self._gate, self._given = gate, (decision, tool, arguments)
        self._request: ClaimRequest | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """A new copy of what was checked: run the action with these. Known within the block."""
        assert self._request is not None
        return copy.deepcopy(self._request.arguments)

    def end(self, outcome: str) -> None:
        """Note how it ended (`ok`, `error`), where that is known only after the block was left."""
        assert self._request is not None
        try:
            self._gate.end(self._request, outcome)
        except GateClosed as closed:  # it has run: an outcome that cannot be noted does not make it a failure
            log.error("%s", closed)

    def __enter__(self) -> Self:
        request = self._gate.check(*self._given)
        self._gate.claim(request)
        self._request = request
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or not may_have_run(error):
            self.end("ok" if error is None else "error")

    async def __aenter__(self) -> Self:
        return await asyncio.to_thread(self.__enter__)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)


def _executor(gate: Gate, function: Callable[..., Any], name: str | None) -> Callable[..., Any]:
    """The function as the executor of one tool, called with a decision and its arguments. Raises ConfigError."""
    tool, signature = tool_name(function, name), inspect.signature(function)
    if not tool.isidentifier() and name is None:
        raise ConfigError(f"{tool}: has no name of its own: give the tool's, gate.tool(function, name=…)")
    if any(parameter.kind not in BY_NAME for parameter in signature.parameters.values()):
        raise ConfigError(f"{tool}: takes arguments by position alone: arguments come by name")

    def check_fit(arguments: Any) -> Any:
        """The arguments; refuses those that the function does not take, before anything is claimed."""
        try:
            signature.bind(**arguments)
        except TypeError as error:
            raise GateRefused(f"{tool}: its arguments do not fit: {error}") from None
        return arguments

    @functools.wraps(function)
    def execute(decision: Any, arguments: Any) -> Any:
        with gate.admit(decision, tool, check_fit(arguments)) as admitted:
            return refuse_awaitable(run_here(function, (), admitted.arguments).unwrap(), tool)

    @functools.wraps(function)
    async def execute_async(decision: Any, arguments: Any) -> Any:
        async with gate.admit(decision, tool, check_fit(arguments)) as admitted:
            return await resolve(await function(**admitted.arguments))

    return execute_async if is_async(function) else execute
