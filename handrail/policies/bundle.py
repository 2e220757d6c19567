"""A bundle: everything that decides, made from the texts of its files. Reads no file, no clock, no setting."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from handrail.policies.agents import UNLISTED, AgentEntry, Sources
from handrail.policies.cumulative import Cumulative, getters
from handrail.policies.evaluation import Evaluator
from handrail.policies.keys import Trusted
from handrail.policies.limits import Limits
from handrail.policies.lookup import Getter
from handrail.policies.parts import Parts, read_parts
from handrail.policies.policy import Policy
from handrail.policies.prices import Price
from handrail.policies.quality import Quality
from handrail.policies.routing import RouteRule
from handrail.policies.subject import Evaluation, Skipped, Subject
from handrail.policies.tools import Effect, Path, ToolFact, Tools
from handrail.schemas.action import CACHED_NAME_CHARACTERS_MAX
from handrail.schemas.canonical import digest
from handrail.schemas.errors import PolicyError, PolicyErrors
from handrail.schemas.identity import identity

SEMANTICS = 2
"""The version of the fold that bundles are written for."""

CACHED = 4_096


class Bundle:
    """Policies, limits, routes, tools, agents, prices and lexicon: one immutable thing with one hash."""

    def __init__(self, document: Mapping[str, Any], parts: Parts) -> None:
        self._files = dict(document["files"])
        self._ruleset = f"sha256:{digest(self.document)}"
        self._parts = parts
        self._evaluator = Evaluator(parts.policies, parts.tools)
        self._lexicon = MappingProxyType(dict(parts.lexicon))
        self._limits = lru_cache(CACHED)(parts.limits.limits)
        self.remembered = parts.limits.remembered
        self._agents = dict(parts.agents.agents)
        self.has_agents = bool(self._agents)  # whether agents.yaml has an entry of any agent
        self._price = lru_cache(CACHED)(parts.prices.price)
        self._effect = lru_cache(CACHED)(parts.tools.effect)
        leaves = [leaf for policy in parts.policies for rule in policy.rules for leaf in rule.condition.leaves()]
        self._sums = frozenset(leaf.field for leaf in leaves if isinstance(leaf, Cumulative))
        self._summed = lru_cache(CACHED)(self._getters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bundle) and other._ruleset == self._ruleset

    def __hash__(self) -> int:
        return hash(self._ruleset)

    @property
    def document(self) -> dict[str, Any]:
        """The bundle as it goes over the wire: `{"semantics": 2, "files": {name: text}}`, defaults included."""
        return {"semantics": SEMANTICS, "files": dict(self._files)}

    @property
    def ruleset(self) -> str:
        """`sha256:` and the digest of the document."""
        return self._ruleset

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies, in the order of their files."""
        return self._parts.policies

    @property
    def tools(self) -> Tools:
        """What `tools.yaml` says."""
        return self._parts.tools

    @property
    def lexicon(self) -> Mapping[str, Any]:
        """The classifier's lexicon, with the topics that the routing file names; no intents where there is none."""
        return self._lexicon

    @property
    def keys(self) -> Mapping[str, Trusted]:
        """Whose signatures count, by key id; empty where it is not said."""
        return self._parts.keys

    @property
    def quality(self) -> Quality:
        """What `quality.yaml` says; its defaults without the file."""
        return self._parts.quality

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics that the routing file names."""
        return self._parts.routing.topics

    @property
    def dropped(self) -> list[str]:
        """The protected topics that the routing file sends to the AI without saying that it drops them."""
        return self._parts.routing.dropped

    @property
    def default_queue(self) -> str:
        """Where a handoff goes that no route sends elsewhere."""
        return self._parts.routing.default_queue

    def evaluate(self, subject: Subject) -> Evaluation:
        """Every rule that fires, most restrictive first, and every rule whose field was absent."""
        return self._evaluator.evaluate(subject)

    def no_rule_fires(
        self,
        event_type: str,
        tool: str | None,
        agent_id: str,
        tenant: str,
        arguments: Mapping[str, Any],
        cost_pico: int,
    ) -> Sequence[Skipped] | None:
        """The rules that `evaluate` would pass over, where surely none would fire; None where it has to be asked.

        Of a proposal: its arguments, and what its execution has cost so far in pico-dollars (1e-12 USD).
        """
        return self._evaluator.no_rule_fires(event_type, tool, agent_id, tenant, arguments, cost_pico)

    def limits(self, tenant: str, agent_id: str) -> Limits:
        """The limits of an agent for a tenant: the agent's over the tenant's over the default."""
        if len(tenant) + len(agent_id) > CACHED_NAME_CHARACTERS_MAX:
            return self._parts.limits.limits(tenant, agent_id)
        return self._limits(tenant, agent_id)

    def route_for(self, classification: Mapping[str, Any]) -> RouteRule | None:
        """The first route that holds, in the order of the file; None means that the AI answers.

        `classification` is that of the decision, with `attributes` and `customer` beside it.
        """
        return self._parts.routing.route_for(classification)

    def agent(self, agent_id: str) -> AgentEntry:
        """The agent's entry, under any spelling of its id; one that is not listed is enforced."""
        return self._agents.get(identity(agent_id), UNLISTED) if self._agents else UNLISTED

    def lists_agent(self, agent_id: str) -> bool:
        """Whether `agents.yaml` has an entry for the agent, under any spelling of its id."""
        return identity(agent_id) in self._agents

    def observes(self, agent_id: str) -> bool:
        """Whether the agent is only observed, where it speaks from a source and for a tenant that its entry lists."""
        return self.agent(agent_id).enforcement == "observe"

    @property
    def agents(self) -> Mapping[str, AgentEntry]:
        """What `agents.yaml` says of each agent, by folded ids."""
        return MappingProxyType(self._agents)

    @property
    def recorded_sources(self) -> Sources:
        """Whose `recorded: true` counts; empty: nobody's."""
        return self._parts.agents.recorded

    @property
    def human_sources(self) -> Sources:
        """Whose `role: human_agent` counts as a person's word; empty: nobody's."""
        return self._parts.agents.humans

    def price(self, model_name: str, provider: str | None = None) -> Price | None:
        """What a model's tokens cost, or None where nobody knows: never 0."""
        if len(model_name) + len(provider or "") > CACHED_NAME_CHARACTERS_MAX:
            return None
        return self._price(model_name, provider)

    def effect(self, tool: str, declared: str | None = None) -> Effect:
        """Whether a tool reads or writes, by `tools.yaml`; what an event declares can only raise it to `write`."""
        if len(tool) > CACHED_NAME_CHARACTERS_MAX:
            return self._parts.tools.effect(tool, declared)
        return self._effect(tool, declared)

    def fields(self, tool: str) -> Mapping[str, Path]:
        """The named quantities in calls of a tool, each with its path."""
        return self._parts.tools.fields(tool)

    @property
    def sums(self) -> frozenset[str]:
        """The fields that conditions over several actions sum or count."""
        return self._sums

    def summed(self, tool: str) -> tuple[tuple[str, Getter], ...]:
        """Those of them that `tools.yaml` maps for this tool, and how to read them in a Subject."""
        if not self._sums:
            return ()
        return self._getters(tool) if len(tool) > CACHED_NAME_CHARACTERS_MAX else self._summed(tool)

    def _getters(self, tool: str) -> tuple[tuple[str, Getter], ...]:
        return getters(self._parts.tools.fields(tool), self._sums)

    def volatile(self, tool: str) -> tuple[Path, ...]:
        """The ends of paths that are left out where results of a tool are compared."""
        return self._parts.tools.volatile(tool)

    def facts(self, tool: str) -> tuple[ToolFact, ...]:
        """The facts to take from a result of the tool of exactly this canonical name."""
        return self._parts.tools.facts(tool)


def compile_bundle(document: Mapping[str, Any]) -> Bundle:
    """The bundle of a document, the same wherever it is compiled. Raises PolicyErrors with all mistakes."""
    return compile_labelled(document, {})


def compile_labelled(document: Mapping[str, Any], labels: Mapping[str, str]) -> Bundle:
    """As `compile_bundle`; `labels` has the name under which a person knows each file."""
    _check(document)
    parts, mistakes = read_parts(document["files"])
    errors = [error for each in mistakes for error in each.errors(labels.get(each.file, each.file))]
    if errors:
        raise PolicyErrors(errors)
    return Bundle(document, parts)


def _check(document: Mapping[str, Any]) -> None:
    if document.get("semantics") != SEMANTICS:
        reason = (
            f"must be {SEMANTICS}, got {document.get('semantics')!r}: another version of Handrail wrote it: activate "
            "the policies again with this one (`handrail policy activate`), or use that one"
        )
        raise PolicyErrors([PolicyError("bundle", "semantics", reason)])
    files = document.get("files")
    if not isinstance(files, Mapping) or not all(isinstance(item, str) for pair in files.items() for item in pair):
        raise PolicyErrors([PolicyError("bundle", "files", "must be the texts of files by their names")])
