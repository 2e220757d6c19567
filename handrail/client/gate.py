"""The gate: what lets an action through to where it runs, whatever the agent in front of it does or says."""

import asyncio
import copy
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import orjson

from handrail.client.answer import Permit
from handrail.client.claims import BEHIND_MS, KEPT_DAYS, Claim, Claims, Wanted
from handrail.client.errors import AlreadyClaimed, GateClosed, GateRefused
from handrail.client.executor import executor
from handrail.client.renewed import first_of
from handrail.client.running import may_have_run
from handrail.client.trusted import TrustedKeys
from handrail.schemas.action import action_digest, canonical_tool
from handrail.schemas.canonical import canonical
from handrail.schemas.clock import to_ms
from handrail.schemas.decode import decode_output
from handrail.schemas.errors import ConfigError, SchemaError
from handrail.schemas.outputs import Decision
from handrail.schemas.signature import decision_refused

TTL_S_MAX = 60.0  # `decision_ttl_s` of the limits, unless they say otherwise
AHEAD_S = 5.0  # so far this machine's clock may be behind the broker's

LOG = logging.getLogger("handrail.client")
KINDS = ("action", "response", "release")

Given = Permit | Mapping[str, Any] | bytes | str
Arguments = Mapping[str, Any]
T = TypeVar("T")


class Gate:
    """Stands where actions run. It lets one through that was decided, exactly as it was decided, once.

    An agent hands over the decision as it lies on the log (`permit.record`) with the tool and its arguments. The gate
    needs no Kafka: it checks the signature against the keys it was given, the verdict, the end of the decision by this
    machine's clock, and that the digest is that of this tool with these arguments; then it claims the decision in a
    file, on the disk, before the action runs. Which tool stands behind the gate, the executor says, not who asks.

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
        How long claims are kept behind the end of their decision. The same action may be decided again as long as
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
        self._observed, self._clock = observed, clock
        self._held_ms_max, self._ttl_ms_max = int(ttl_s_max * 1000), int((ttl_s_max + AHEAD_S) * 1000)
        self._keys = TrustedKeys(keys)
        self._claims = Claims(Path(store), now_ms := self._now_ms(), claims_kept_days)
        if 0 < (new_ms := self._claims.from_ms - now_ms) <= BEHIND_MS:
            time.sleep(new_ms / 1000)

    def admit(self, decision: Given, tool: str, arguments: Arguments | None = None) -> "Admission":
        """Let one action through, for the length of a `with` or `async with` block around it.

            with gate.admit(request["decision"], tool="issue_refund", arguments=request["arguments"]) as admitted:
                refund(**admitted.arguments)

        Parameters
        ----------
        decision : Permit, mapping, bytes or str
            What `propose` returned, or the decision's record: a CloudEvent as it lies on the log.
        tool : str
            The name of the tool that stands behind this call, written here in the executor: never one that came with
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
        cancellation, a TimeoutError, an exit) it stays open: nobody knows.
        """
        return Admission(self, decision, tool, arguments)

    @overload
    def tool(self, function: Callable[..., T], *, name: str | None = None) -> Callable[[Given, Arguments], T]: ...

    @overload
    def tool(
        self, function: None = None, *, name: str | None = None
    ) -> Callable[[Callable[..., T]], Callable[[Given, Arguments], T]]: ...

    def tool(self, function: Any = None, *, name: str | None = None) -> Any:
        """Make a function the executor of one tool: `@gate.tool`, or `@gate.tool(name="issue_refund")`.

        It is called with the decision and the arguments that came with it, `issue_refund(decision, arguments)`, and
        runs with a copy of them, by name, when the gate lets it through as a call of the tool `name` (default: the
        function's own). Async functions are awaited. Raises as `admit`, and GateRefused for arguments that the
        function does not take; ConfigError here for functions that yield, or take arguments by position alone.
        """
        if function is None:
            return lambda given: self.tool(given, name=name)
        return executor(self, function, name)

    def earlier(self, decision: Given, tool: str, arguments: Arguments | None = None) -> Claim | None:
        """The claim of this decision, or of the same action under any of its names; None where nobody began it.

        Nothing is claimed, and it may be asked about a decision that has ended. Raises GateRefused, GateClosed.
        """
        found, data, given = self._known(decision, arguments)
        self._refuse(found, tool, self._mismatch(found, data, tool, given))
        return self._claims.earlier(self._claim_for(found, tool, given), self._now_ms())

    def unfinished(self) -> list[Claim]:
        """Actions that were begun, and of which nobody has said how they ended: their process was killed, or runs."""
        return self._claims.unfinished()

    def close(self) -> None:
        """Close the file of the claims."""
        self._claims.close()

    def check(self, decision: Given, tool: str, arguments: Arguments | None = None) -> Wanted:
        """Whether the action may run, and not whether it has. Raises GateRefused, GateClosed."""
        found, data, given = self._known(decision, arguments)
        self._refuse(found, tool, self._refused(found, data, tool, given))
        return self._claim_for(found, tool, given)

    def claim(self, wanted: Wanted) -> None:
        """It is ours to do now. Raises AlreadyClaimed, GateClosed."""
        earlier = self._claims.take(wanted, self._now_ms())
        if earlier is not None:
            about = f"{wanted.conversation_id}: {wanted.tool}: decision {wanted.decision_id[:12]}"
            raise AlreadyClaimed(f"{about} was used already: {earlier}", earlier)

    def end(self, wanted: Wanted, outcome: str) -> None:
        """How it ended. Raises GateClosed."""
        self._claims.end(wanted.decision_id, outcome, self._now_ms())

    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _claim_for(self, found: Decision, tool: str, arguments: dict[str, Any] | None) -> Wanted:
        """What is claimed: this decision, and its action under whatever name it was proposed.

        When it was made at the earliest follows from its end, which is signed, and of a repeat the first one's.
        """
        assert found.action_id is not None
        assert arguments is not None
        digest = _digest(found, first_of(found.action_id), tool, arguments)
        assert digest is not None
        ends_ms = None if found.expires_at is None else to_ms(found.expires_at)
        made_ms = self._now_ms() if ends_ms is None else ends_ms - self._held_ms_max  # without an end it holds nobody
        return Wanted(found.decision_id, digest, found.conversation_id, tool, ends_ms, made_ms, arguments)

    def _known(
        self, decision: Given, arguments: Arguments | None
    ) -> tuple[Decision, Mapping[str, Any], dict[str, Any] | None]:
        """The decision, its data as it came, and a copy of the arguments, which nobody else can change."""
        if arguments is None and isinstance(decision, Permit):
            arguments = decision.arguments
        if arguments is None:
            raise GateRefused("gate: arguments are needed beside a decision's record")
        return *_decoded(decision), _plain(arguments)

    def _refuse(self, found: Decision, tool: object, why: str | None) -> None:
        if why is not None:
            raise GateRefused(f"{found.conversation_id}: {tool}: decision {found.decision_id[:12]}: {why}", found)

    def _refused(
        self, found: Decision, data: Mapping[str, Any], tool: object, arguments: dict[str, Any] | None
    ) -> str | None:
        if (why := self._mismatch(found, data, tool, arguments)) is not None:
            return why
        observed = found.enforcement == "observe"
        if observed and not self._observed:
            return "its agent is only observed: give the gate observed=True to let through whatever such an agent does"
        if found.verdict != "allow" and not observed:
            return f"its verdict is {found.verdict}"
        return self._too_late(found, observed)

    def _mismatch(
        self, found: Decision, data: Mapping[str, Any], tool: object, arguments: dict[str, Any] | None
    ) -> str | None:
        """Why it is no decision of this system on this action."""
        if not isinstance(tool, str) or not tool.strip():
            raise GateRefused("gate: tool: must be the name of the tool that stands behind this gate, written there")
        try:
            keys = self._keys.now()
        except ConfigError as error:
            raise GateClosed(f"gate: {error}", found) from None
        if (why := decision_refused(data, keys)) is not None:
            return why
        if found.kind not in KINDS or found.action_id is None or found.action_digest is None:
            return f"it answers no action ({found.kind})"
        if arguments is None or found.action_digest != _digest(found, found.action_id, tool, arguments):
            return "it is for another tool or other arguments"
        return None

    def _too_late(self, found: Decision, observed: bool) -> str | None:
        if found.expires_at is None:
            return None if observed else "it has no expires_at"
        left_ms = to_ms(found.expires_at) - self._now_ms()
        if left_ms <= 0:
            return (
                f"it has ended {-left_ms / 1000:.1f} s ago by this machine's clock: propose it under a new action_id "
                "(where every decision has, set the clock right)"
            )
        if left_ms > self._ttl_ms_max:
            return (
                f"it ends in {left_ms / 1000:.0f} s by this machine's clock, and holds {self._ttl_ms_max / 1000:.0f} s "
                "at most: set the clock right, or give the gate ttl_s_max where your limits allow more"
            )
        return None


class Admission:
    """One action on its way through the gate: claimed on entering, its end noted on leaving."""

    def __init__(self, gate: Gate, decision: Given, tool: str, arguments: Arguments | None) -> None:
        self._gate, self._asked = gate, (decision, tool, arguments)
        self._wanted: Wanted | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        """What was checked, a copy for each who asks: run the action with these. Known within the block."""
        assert self._wanted is not None
        return copy.deepcopy(self._wanted.arguments)

    def end(self, outcome: str) -> None:
        """Note how it ended (`ok`, `error`), where that is known only after the block was left."""
        assert self._wanted is not None
        try:
            self._gate.end(self._wanted, outcome)
        except GateClosed as closed:  # it has run; that its end is not noted is no reason to say it failed
            LOG.error("%s", closed)

    def __enter__(self) -> Self:
        wanted = self._gate.check(*self._asked)
        self._gate.claim(wanted)
        self._wanted = wanted
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


def _decoded(given: Given) -> tuple[Decision, Mapping[str, Any]]:
    """The decision, typed, and its data as it came. Raises GateRefused."""
    if isinstance(given, Permit):
        if given.record is None:
            raise GateRefused(f"{given.tool}: an agent that is only observed has no decision to show")
        given = given.record
    try:
        raw = given if isinstance(given, bytes) else given.encode() if isinstance(given, str) else orjson.dumps(given)
        decoded = decode_output(raw)
    except (SchemaError, TypeError, ValueError) as error:
        raise GateRefused(f"gate: what was given is no decision's record: {error}") from None
    found = decoded.event.data
    if not isinstance(found, Decision):
        raise GateRefused(f"gate: what was given is no decision's record but {decoded.raw['type']}")
    return found, decoded.raw["data"]


def _plain(arguments: Arguments) -> dict[str, Any] | None:
    """A copy of the arguments; None where they are no plain JSON."""
    try:
        found: dict[str, Any] = orjson.loads(orjson.dumps(dict(arguments)))
    except (TypeError, ValueError):
        return None
    return found


def _digest(found: Decision, action_id: str, tool: str, arguments: dict[str, Any]) -> str | None:
    """The digest of what is about to run; None where the contract has none for it."""
    try:
        given = canonical(arguments)
    except (TypeError, ValueError):
        return None
    return action_digest(
        tenant=found.tenant,
        agent_id=found.agent_id,
        conversation_id=found.conversation_id,
        execution_id=found.execution_id,
        action_id=action_id,
        tool=canonical_tool(tool),
        arguments=given,
    )
