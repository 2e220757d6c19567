"""`routing.yaml`: who answers a query, before any model sees it.

topics: [fraud, disputes, account_security, orders]
default_queue: general
rules:
  - when: {topic: [fraud, disputes]}
    route: human
    queue: fraud
    priority: urgent
    due_in_s: 300
drops: [disputes]  # of what the built-in file sends to a human: on purpose
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from handrail.policies.mistakes import Mistakes, instead
from handrail.policies.names import MISSING, Unreadable, path_parts, resolve
from handrail.policies.operators import Test, in_list
from handrail.policies.shape import at, choice, integer, items_of, known_keys, mapping, required, text, texts
from handrail.policies.truth import YES

RouteName: TypeAlias = Literal["ai", "ai_supervised", "human"]
Priority: TypeAlias = Literal["low", "normal", "high", "urgent"]

ROUTES = ("ai", "ai_supervised", "human")
PRIORITIES = ("low", "normal", "high", "urgent")
VALUES = {"risk": ("low", "medium", "high"), "complexity": ("simple", "moderate", "complex")}
FIELDS = ("topic", "risk", "complexity", "intent", "wants_human", "attributes", "customer")
PROTECTED = ("account_security", "disputes", "fraud")
"""Topics that the built-in file sends to a human."""

GENERAL = "general"  # the topic of what is none of those that the file names
RULE = ("when", "route", "queue", "skills", "priority", "due_in_s")
DUE_IN_S = 3_600
DUE_IN_S_MAX = 90 * 86_400
_EXAMPLE = "{when: {topic: fraud}, route: human}"


@dataclass(frozen=True, slots=True)
class RouteRule:
    """Where a query goes when `when` holds; `index` is its place in the file, from 0."""

    index: int
    when: tuple[tuple[tuple[str, ...], Test], ...]
    route: RouteName
    queue: str
    skills: tuple[str, ...]
    priority: Priority
    due_in_s: int

    def holds(self, classification: Mapping[str, Any]) -> bool:
        """Whether every field that `when` names has one of its values."""
        return all(_has(classification, path, test) for path, test in self.when)


@dataclass(frozen=True, slots=True)
class Routing:
    """The routes of a bundle, in the order of the file."""

    topics: tuple[str, ...] = ()
    default_queue: str = "general"
    rules: tuple[RouteRule, ...] = ()
    drops: tuple[str, ...] = ()

    def route_for(self, classification: Mapping[str, Any]) -> RouteRule | None:
        """The first rule that holds; None means that the AI answers."""
        return next((rule for rule in self.rules if rule.holds(classification)), None)

    @property
    def dropped(self) -> list[str]:
        """The protected topics that may go to the AI, and that `drops` does not name."""
        return [topic for topic in PROTECTED if topic not in self.drops and self._may_reach_ai(topic)]

    def _may_reach_ai(self, topic: str) -> bool:
        classification = {
            "topic": topic if not self.topics or topic in self.topics else GENERAL,
            "intent": None,
            "wants_human": False,
        }
        routes = (
            self.route_for({**classification, "risk": risk, "complexity": complexity, "attributes": {}, "customer": {}})
            for risk in VALUES["risk"]
            for complexity in VALUES["complexity"]
        )
        return any(rule is None or rule.route == "ai" for rule in routes)


def _has(classification: Mapping[str, Any], path: tuple[str, ...], test: Test) -> bool:
    value = resolve(path, classification)
    return value is not MISSING and type(value) is not Unreadable and test(value) == YES


def read_routing(value: Any, mistakes: Mistakes) -> Routing:
    """The routing of a parsed file."""
    root = mapping(value, "", mistakes, f"rules: [{_EXAMPLE}]")
    known_keys(root, "", ("topics", "default_queue", "rules", "drops"), mistakes)
    topics = texts(root["topics"], "topics", mistakes) if "topics" in root else ()
    queue = text(root.get("default_queue", "general"), "default_queue", mistakes) or "general"
    items = (
        items_of(root["rules"], "rules", mistakes, f"rules such as {_EXAMPLE}")
        if root.get("rules") not in (None, [])
        else []
    )
    read = [_rule(item, index, topics, queue, mistakes) for index, item in enumerate(items)]
    drops = texts(root["drops"], "drops", mistakes) if "drops" in root else ()
    for topic in drops:
        if topic not in PROTECTED:
            mistakes.add("drops", f'"{topic}" is no topic that the built-in file protects: {instead(topic, PROTECTED)}')
    return Routing(topics, queue, tuple(rule for rule in read if rule is not None), drops)


def _rule(item: Any, index: int, topics: tuple[str, ...], queue: str, mistakes: Mistakes) -> RouteRule | None:
    path = f"rules[{index}]"
    settings = mapping(item, path, mistakes, _EXAMPLE)
    if not isinstance(item, dict):
        return None
    known_keys(settings, path, RULE, mistakes)
    route: Any = required(settings, path, "route", "ai, ai_supervised or human", mistakes)
    if "route" in settings:
        route = choice(route, at(path, "route"), ROUTES, mistakes)
    priority: Any = choice(settings.get("priority", "normal"), at(path, "priority"), PRIORITIES, mistakes)
    due_in_s = integer(settings.get("due_in_s", DUE_IN_S), at(path, "due_in_s"), 1, DUE_IN_S_MAX, mistakes)
    return RouteRule(
        index,
        _when(settings["when"], at(path, "when"), topics, mistakes) if "when" in settings else (),
        route or "human",
        text(settings.get("queue", queue), at(path, "queue"), mistakes) or queue,
        texts(settings["skills"], at(path, "skills"), mistakes) if "skills" in settings else (),
        priority or "normal",
        due_in_s or DUE_IN_S,
    )


def _when(
    value: Any, path: str, topics: tuple[str, ...], mistakes: Mistakes
) -> tuple[tuple[tuple[str, ...], Test], ...]:
    tests = mapping(value, path, mistakes, "{topic: [fraud, disputes]}")
    if value == {}:
        mistakes.add(path, "is empty: name a field, or leave it out for all queries")
    read: list[tuple[tuple[str, ...], Test]] = []
    for name, wanted in _flat(tests).items():
        where = at(path, name)
        parts = path_parts(name)
        if parts is None or parts[0] not in FIELDS:
            mistakes.add(where, f"is not known here: {instead(name.split('.')[0], FIELDS)}")
            continue
        _check_values(parts, wanted, where, topics, mistakes)
        try:
            read.append((parts, in_list(wanted if isinstance(wanted, list) else [wanted])))
        except ValueError as error:
            mistakes.add(where, str(error))
    return tuple(read)


def _flat(tests: Mapping[str, Any]) -> dict[str, Any]:
    """`customer: {tier: gold}` is `customer.tier: gold`."""
    flat: dict[str, Any] = {}
    for name, wanted in tests.items():
        if isinstance(wanted, dict) and wanted:
            flat |= {f"{name}.{key}": value for key, value in _flat(wanted).items()}
        else:
            flat[name] = wanted
    return flat


def _check_values(parts: tuple[str, ...], wanted: Any, path: str, topics: tuple[str, ...], mistakes: Mistakes) -> None:
    """Words that can never come are mistakes; so is a topic that the file does not name."""
    known = {**VALUES, "topic": topics}.get(parts[0], ())
    for word in wanted if isinstance(wanted, list) else [wanted]:
        if known and word not in known:
            mistakes.add(path, f'"{word}" is no {parts[0]}: {instead(str(word), known)}')
    if parts == ("wants_human",) and not isinstance(wanted, bool):
        mistakes.add(path, "must be true or false")
