"""The parts of a bundle, each read from the text of its file; a file of the user goes before the default."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

from handrail.policies import yaml12
from handrail.policies.agents import AgentsFile, read_agents
from handrail.policies.cumulative import Cumulative
from handrail.policies.keys import Trusted, read_keys
from handrail.policies.lexicon import named_topics, read_lexicon
from handrail.policies.limits import LimitsFile, read_limits
from handrail.policies.mistakes import Mistakes
from handrail.policies.policy import Policy
from handrail.policies.prices import Prices, read_prices
from handrail.policies.quality import Quality, read_quality
from handrail.policies.routing import Routing, read_routing
from handrail.policies.shapes import read_policy
from handrail.policies.tools import Tools, read_tools

DEFAULTS = "defaults/"
"""What the names of built-in files begin with."""

SETTINGS = (
    *("limits.yaml", "routing.yaml", "tools.yaml", "agents.yaml", "keys.yaml", "prices.yaml", "lexicon.yaml"),
    "quality.yaml",
)
MERGED = ("limits.yaml", "prices.yaml", "lexicon.yaml")
"""Files whose default still holds for what the user's file leaves out. Others replace their default whole."""

RULES_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bundle consists of."""

    policies: tuple[Policy, ...]
    limits: LimitsFile
    routing: Routing
    tools: Tools
    agents: AgentsFile
    prices: Prices
    lexicon: Mapping[str, Any]
    keys: Mapping[str, Trusted]
    quality: Quality


def _parsed(name: str, text: str) -> tuple[Any, Mistakes]:
    """The value of a file; the built-in ones are in almost every bundle, so they are parsed once."""
    if not name.startswith(DEFAULTS):
        return yaml12.read(name, text)
    value, lines = _parsed_default(name, text)
    return yaml12.read(name, text) if value is None else (value, Mistakes(name, lines))


@lru_cache(32)
def _parsed_default(name: str, text: str) -> tuple[Any, Mapping[str, int]]:
    """The value, which nobody changes, and the lines; None where there is a mistake in it."""
    value, mistakes = yaml12.read(name, text)
    return (None if mistakes.entries else value), mistakes.lines


class Files:
    """The files of a document, each parsed once, with their mistakes."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._parsed = {name: _parsed(name, text) for name, text in texts.items()}

    @property
    def mistakes(self) -> list[Mistakes]:
        """The mistakes of all files, in the order of their names."""
        return [self._parsed[name][1] for name in sorted(self._parsed) if self._parsed[name][1].entries]

    def policies(self) -> list[str]:
        """The names of the policy files, sorted."""
        return sorted(name for name in self._parsed if name not in SETTINGS and not name.startswith(DEFAULTS))

    def layers(self, name: str) -> list[tuple[Any, Mistakes]]:
        """The readable texts that make up a settings file: the default first, then the user's."""
        default, own = DEFAULTS + name, self._parsed.get(name)
        names = [default, name] if own is None or name in MERGED else [name]
        return [self.parsed(each) for each in names if each in self._parsed and self.readable(each)]

    def parsed(self, name: str) -> tuple[Any, Mistakes]:
        """The value of a file and its mistakes."""
        return self._parsed[name]

    def readable(self, name: str) -> bool:
        """Whether the file has a value at all."""
        return self._parsed[name][0] is not None


def read_parts(texts: Mapping[str, str]) -> tuple[Parts, list[Mistakes]]:
    """The parts, and the mistakes of every file; the parts are good for use only where there are none."""
    files = Files(texts)
    limits = LimitsFile()
    for value, mistakes in files.layers("limits.yaml"):
        limits = read_limits(value, mistakes, limits)
    prices = {name: price for layer in files.layers("prices.yaml") for name, price in read_prices(*layer).items()}
    routing, tools, agents, lexicon = Routing(), Tools({}), AgentsFile(), dict[str, Any]()
    for layer in files.layers("routing.yaml"):
        routing = read_routing(*layer)
    for layer in files.layers("tools.yaml"):
        tools = read_tools(*layer)
    for layer in files.layers("agents.yaml"):
        agents = read_agents(*layer)
    keys = {key_id: key for layer in files.layers("keys.yaml") for key_id, key in read_keys(*layer).items()}
    for value, mistakes in files.layers("lexicon.yaml"):
        lexicon = read_lexicon(value, mistakes, lexicon)
    quality = Quality()
    for layer in files.layers("quality.yaml"):
        quality = read_quality(*layer)
    named = named_topics(lexicon, routing.topics)
    parts = Parts(_policies(files, tools), limits, routing, tools, agents, Prices(prices), named, keys, quality)
    return parts, files.mistakes


def _policies(files: Files, tools: Tools) -> tuple[Policy, ...]:
    policies: dict[str, Policy] = {}
    rules = 0
    for name in files.policies():
        value, mistakes = files.parsed(name)
        policy = read_policy(value, PurePosixPath(name).stem, mistakes) if files.readable(name) else None
        if policy is None:
            continue
        _check_sums(policy, tools, mistakes)
        rules += len(policy.rules)
        if rules > RULES_MAX:
            mistakes.add("", f"brings the bundle to {rules} rules: keep it to {RULES_MAX}")
        if policy.id in policies:
            mistakes.add(
                "id", f'"{policy.id}" is the id of {policies[policy.id].file} too: give each policy its own id'
            )
        policies.setdefault(policy.id, policy)
    return tuple(policies.values())


def _check_sums(policy: Policy, tools: Tools, mistakes: Mistakes) -> None:
    """What no tool has would add up to nothing for ever."""
    for leaf in (leaf for rule in policy.rules for leaf in rule.condition.leaves() if isinstance(leaf, Cumulative)):
        if leaf.field not in tools.field_names:
            example = f"tools: {{refund: {{fields: {{{leaf.field}: arguments.amount}}}}}}"
            mistakes.add(leaf.path, f"{leaf.field} is a field of no tool: say in tools.yaml which have it: {example}")
