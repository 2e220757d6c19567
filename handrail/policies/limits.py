"""`limits.yaml`: how far an execution and a conversation may go. Agent over tenant over default, key by key.

default: {steps_max: 100, cost_usd_max: "10.00"}
tenants: {acme: {cost_usd_max: "5.00"}}
agents: {refunds: {confidence_min: {response: 0.7}}}
memory: {idle_s: 604800, conversations_max: 100000}
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

from handrail.policies.mistakes import Mistakes, shown
from handrail.policies.numeric import number, scaled
from handrail.policies.shape import at, decimal, integer, known_keys, mapping, named_once
from handrail.schemas.identity import identity
from handrail.schemas.money import PICO, from_pico

USD_MAX = 1_000_000
COUNTED_MAX = 255  # of equal calls: more are not counted
SECONDS_MAX = 366 * 86_400
_EXAMPLE = "{steps_max: 100}"
_CONFIDENCE = "confidence_min_"


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one agent for one tenant; money in pico-dollars (1e-12 USD), None means no limit."""

    loop_iterations: int = 3
    steps_max: int = 100
    cost_pico_max: int = 10 * PICO
    time_max_s: int | None = None
    confidence_min_query: float | None = None
    confidence_min_response: float | None = None
    decision_ttl_s: int = 60
    approval_ttl_s: int = 3600
    conversation_steps_max: int = 300
    conversation_cost_pico_max: int = 30 * PICO
    equal_calls_max: int = 10
    unknown_call_pico: int = PICO // 10


@dataclass(frozen=True, slots=True)
class Remembered:
    """How long and how many conversations one partition remembers: the same for all agents and tenants."""

    idle_s: int = 7 * 86_400
    conversations_max: int = 100_000


REMEMBERED = Remembered()


Stated = Mapping[str, Any]
"""Fields of Limits that a part of the file states."""


@dataclass(frozen=True, slots=True)
class LimitsFile:
    """The parts of a `limits.yaml`; tenants and agents by their folded ids."""

    default: Stated = field(default_factory=dict)
    tenants: Mapping[str, Stated] = field(default_factory=dict)
    agents: Mapping[str, Stated] = field(default_factory=dict)
    memory: Stated = field(default_factory=dict)

    @property
    def remembered(self) -> Remembered:
        """What holds for each partition."""
        return replace(REMEMBERED, **self.memory)

    def limits(self, tenant: str, agent_id: str) -> Limits:
        """What holds for the agent and tenant."""
        stated = {
            **self.default,
            **self.tenants.get(identity(tenant), {}),
            **self.agents.get(identity(agent_id), {}),
        }
        return replace(Limits(), **stated)


def read_limits(value: Any, mistakes: Mistakes, below: LimitsFile | None = None) -> LimitsFile:
    """The limits of a parsed file; what it leaves out of `default` is taken from `below`."""
    root = mapping(value, "", mistakes, f"default: {_EXAMPLE}")
    known_keys(root, "", ("default", "tenants", "agents", "memory"), mistakes)
    default = _stated(root["default"], "default", mistakes) if "default" in root else {}
    memory = _memory(root["memory"], mistakes) if "memory" in root else {}
    return LimitsFile(
        {**(below.default if below else {}), **default},
        _named(root, "tenants", mistakes),
        _named(root, "agents", mistakes),
        {**(below.memory if below else {}), **memory},
    )


def by_key(limits: Limits) -> dict[str, Any]:
    """Every limit by its key in the file, in the order of Limits; money in USD, as text."""
    keys = {name: (key, read) for key, (name, read) in _KEYS.items()}
    values: dict[str, Any] = {}
    for limit in fields(limits):
        value = getattr(limits, limit.name)
        if limit.name.startswith(_CONFIDENCE):
            values.setdefault("confidence_min", {})[limit.name.removeprefix(_CONFIDENCE)] = value
        else:
            key, read = keys[limit.name]
            values[key] = from_pico(value) if read is _usd else value
    return values


def _memory(value: Any, mistakes: Mistakes) -> Stated:
    settings = mapping(value, "memory", mistakes, "{idle_s: 604800}")
    known_keys(settings, "memory", _MEMORY, mistakes)
    return {key: _MEMORY[key](settings[key], at("memory", key), mistakes) for key in settings if key in _MEMORY}


def _named(root: Mapping[str, Any], key: str, mistakes: Mistakes) -> dict[str, Stated]:
    if key not in root:
        return {}
    named = mapping(root[key], key, mistakes, f"{{name: {_EXAMPLE}}}")
    named_once(named, key, mistakes)
    return {identity(name): _stated(settings, at(key, name), mistakes) for name, settings in named.items()}


def _stated(value: Any, path: str, mistakes: Mistakes) -> Stated:
    settings = mapping(value, path, mistakes, _EXAMPLE)
    known_keys(settings, path, (*_KEYS, "confidence_min"), mistakes)
    stated = {_KEYS[key][0]: _KEYS[key][1](settings[key], at(path, key), mistakes) for key in settings if key in _KEYS}
    if "confidence_min" in settings:
        stated |= _confidence(settings["confidence_min"], at(path, "confidence_min"), mistakes)
    return stated


def _confidence(value: Any, path: str, mistakes: Mistakes) -> Stated:
    least = mapping(value, path, mistakes, "{query: 0.5, response: 0.6}")
    known_keys(least, path, ("query", "response"), mistakes)
    return {
        f"{_CONFIDENCE}{key}": _share(least[key], at(path, key), mistakes)
        for key in ("query", "response")
        if key in least
    }


def _share(value: Any, path: str, mistakes: Mistakes) -> float | None:
    if value is None:
        return None
    share = decimal(value, path, mistakes)
    if share is not None and not 0 <= share <= 1:
        mistakes.add(path, f"must be from 0 to 1, got {shown(value)}")
        return None
    return None if share is None else float(share)


def _usd(value: Any, path: str, mistakes: Mistakes) -> int | None:
    amount = number(value)
    if amount is None or not 0 <= amount <= USD_MAX:
        mistakes.add(path, f'must be an amount in USD such as "10.00", got {shown(value)}')
        return None
    pico = scaled(amount, 12)
    if pico is None:
        mistakes.add(path, f"must have at most 12 decimals, got {shown(value)}")
    return pico


def _seconds_or_none(value: Any, path: str, mistakes: Mistakes) -> int | None:
    return None if value is None else integer(value, path, 1, SECONDS_MAX, mistakes)


def _from(least: int, most: int) -> Callable[[Any, str, Mistakes], int | None]:
    return partial(_integer, least, most)


def _integer(least: int, most: int, value: Any, path: str, mistakes: Mistakes) -> int | None:
    return integer(value, path, least, most, mistakes)


_KEYS: dict[str, tuple[str, Callable[[Any, str, Mistakes], int | None]]] = {
    "loop_iterations": ("loop_iterations", _from(2, COUNTED_MAX)),
    "equal_calls_max": ("equal_calls_max", _from(2, COUNTED_MAX)),
    "steps_max": ("steps_max", _from(1, 1_000_000)),
    "cost_usd_max": ("cost_pico_max", _usd),
    "time_max_s": ("time_max_s", _seconds_or_none),
    "decision_ttl_s": ("decision_ttl_s", _from(1, SECONDS_MAX)),
    "approval_ttl_s": ("approval_ttl_s", _from(1, SECONDS_MAX)),
    "conversation_steps_max": ("conversation_steps_max", _from(1, 1_000_000)),
    "conversation_cost_usd_max": ("conversation_cost_pico_max", _usd),
    "unknown_call_usd": ("unknown_call_pico", _usd),
}
"""What each key of the file sets, and how it is read."""

_MEMORY: dict[str, Callable[[Any, str, Mistakes], int | None]] = {
    "idle_s": _from(60, SECONDS_MAX),
    "conversations_max": _from(100, 10_000_000),
}
