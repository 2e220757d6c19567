"""The gate: what lets an action through to where it runs, whatever the agent in front of it does or says."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from handrail.client.answer import Permit
from handrail.client.claims import Claim, Claims, Wanted
from handrail.client.errors import AlreadyClaimed, GateClosed, GateRefused
from handrail.client.trusted import TrustedKeys
from handrail.schemas.action import action_digest, canonical_tool
from handrail.schemas.canonical import canonical
from handrail.schemas.clock import to_ms
from handrail.schemas.decode import decode_output
from handrail.schemas.errors import SchemaError
from handrail.schemas.outputs import Decision
from handrail.schemas.signature import decision_refused

TTL_S_MAX = 60.0  # `decision_ttl_s` of the limits, unless they say otherwise
AHEAD_S = 5.0  # so far this machine's clock may be behind the broker's

LOG = logging.getLogger("handrail.client")
KINDS = ("action", "response", "release")

Given = Permit | Mapping[str, Any] | bytes | str


class Gate:
    """Stands where actions run. It lets one through that was decided, exactly as it was decided, once.

    An agent hands over the decision as it lies on the log (`permit.record`) with the tool and its arguments. The gate
    needs no Kafka: it checks the signature against the keys it was given, the verdict, the end of the decision by this
    machine's clock, and that the digest is that of this tool with these arguments; then it claims the decision in a
    file, on the disk, before the action runs.

    Parameters
    ----------
    keys : path, or sequence of str
        Whose decisions count: a file with a line `ssh-ed25519 AAAA…` for each key (`FILE.pub` of `handrail keys new`),
        read again when an unknown key signs; or the lines.
    store : path
        The file of the claims (SQLite), on a local disk; all gates of a machine that guard the same actions share it.
        Gates of several machines that could get the same decision have to share one machine's.
    ttl_s_max : float
        How long decisions hold at most: the largest `decision_ttl_s` of the limits. One that ends later says that this
        machine's clock is behind, and is refused.

    Raises
    ------
    ConfigError
        The keys cannot be used.
    """

    def __init__(
        self,
        keys: str | Path | Sequence[str],
        store: str | Path,
        *,
        ttl_s_max: float = TTL_S_MAX,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._keys, self._claims = TrustedKeys(keys), Claims(Path(store))
        self._ttl_ms_max, self._clock = int((ttl_s_max + AHEAD_S) * 1000), clock

    def admit(
        self, decision: Given, tool: str | None = None, arguments: Mapping[str, Any] | None = None
    ) -> "Admission":
        """Let one action through, for the length of a `with` or `async with` block around it.

        Parameters
        ----------
        decision : Permit, mapping, bytes or str
            What `propose` returned, or the decision's record: a CloudEvent as it lies on the log.
        tool, arguments : str, mapping
            What is about to run. Needed beside a record; of a permit they are known.

        Raises, on entering the block
        -----------------------------
        GateRefused
            It is not signed, has ended, is for something else, or does not allow it. Nothing was claimed.
        AlreadyClaimed
            It was acted on before, or is being; `claim` says when, by whom, and how that ended.
        GateClosed
            The gate itself cannot work: its file cannot be written, or the clock was set back.
        """
        return Admission(self, decision, tool, arguments)

    def unfinished(self) -> list[Claim]:
        """Actions that were begun, and of which nobody has said how they ended: their process was killed, or runs."""
        return self._claims.unfinished()

    def close(self) -> None:
        """Close the file of the claims."""
        self._claims.close()

    def check(self, decision: Given, tool: str | None, arguments: Mapping[str, Any] | None) -> Wanted:
        """Whether the action may run, and not whether it has. Raises GateRefused."""
        if isinstance(decision, Permit):
            tool, arguments = decision.tool, decision.arguments
        if tool is None or arguments is None:
            raise GateRefused("gate: tool and arguments are needed beside a decision's record")
        found, data = _decoded(decision)
        about = f"{found.conversation_id}: {tool}: decision {found.decision_id[:12]}"
        if (why := self._refused(found, data, tool, arguments)) is not None:
            raise GateRefused(f"{about}: {why}", found)
        assert found.action_digest is not None
        ends = None if found.expires_at is None else to_ms(found.expires_at)
        return Wanted(found.decision_id, found.action_digest, found.conversation_id, tool, ends)

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

    def _refused(self, found: Decision, data: Mapping[str, Any], tool: str, arguments: Mapping[str, Any]) -> str | None:
        if (why := decision_refused(data, self._keys.of(data))) is not None:
            return why
        observed = found.enforcement == "observe"
        if found.kind not in KINDS or found.action_id is None or found.action_digest is None:
            return f"it answers no action ({found.kind})"
        if found.verdict != "allow" and not observed:
            return f"its verdict is {found.verdict}"
        if found.action_digest != _digest(found, found.action_id, tool, arguments):
            return "it is for another tool or other arguments"
        return self._too_late(found, observed)

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

    def __init__(self, gate: Gate, decision: Given, tool: str | None, arguments: Mapping[str, Any] | None) -> None:
        self._gate, self._asked = gate, (decision, tool, arguments)
        self._wanted: Wanted | None = None

    def __enter__(self) -> Self:
        wanted = self._gate.check(*self._asked)
        self._gate.claim(wanted)
        self._wanted = wanted
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._wanted is not None
        try:
            self._gate.end(self._wanted, "ok" if error is None else "error")
        except GateClosed as closed:  # it has run; that its end is not noted is no reason to say it failed
            LOG.error("%s", closed)

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


def _digest(found: Decision, action_id: str, tool: str, arguments: Mapping[str, Any]) -> str | None:
    """The digest of what is about to run; None where it is no plain JSON."""
    try:
        given = canonical(orjson.loads(orjson.dumps(dict(arguments))))
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
