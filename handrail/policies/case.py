"""Case files: what a policy is to decide, written beside it. A file is a list of cases.

- note: 900 is too much
  policy: refunds
  before:
    - {tool: get_order_details, arguments: {order_id: "#W1"}, result: {status: delivered}}
  input: {tool: refund, arguments: {refund_amount_usd: 900}}
  want_verdict: block
  want_rules: [refunds/refund-too-high, refunds/refund-needs-approval]
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from handrail.policies import yaml12
from handrail.policies.cumulative import duration, milliseconds
from handrail.policies.lookup import EVENTS as READABLE
from handrail.policies.mistakes import Mistakes, instead, shown
from handrail.policies.numeric import as_json
from handrail.policies.shape import at, choice, items_of, known_keys, mapping, required, text, texts
from handrail.schemas.event_types import ACTION_PROPOSED, LLM_COMPLETED, QUERY_RECEIVED, short_name

VERDICTS = ("allow", "require_approval", "block", "halt")
ROUTES = ("ai", "ai_supervised", "human")
HANDOFFS = ("none", "route", "approval", "escalation")
LISTS = ("want_rules", "want_skipped", "want_codes")
WORDS = {"want_verdict": VERDICTS, "want_route": ROUTES, "want_handoff": HANDOFFS}
TEXTS = ("want_message", "want_customer_message")
WANTS = (*WORDS, *LISTS, *TEXTS, "want_evidence")
KEYS = ("note", "policy", "before", "input", *WANTS)

# What a call of a model cost is no matter of rules.
EVENTS = {short_name(event_type): event_type for event_type in READABLE if event_type != LLM_COMPLETED}
"""The events that a case can bring, by the words of `applies_to`."""

OF_TOOL = ("tool", "arguments", "effect", "result", "status")
OF_DATA = ("text", "attributes", "customer", "agent_id", "tenant", "channel", "locale", "data")
OF_MAPPINGS = {"attributes": "{order_value: 900}", "customer": "{ref: cust-17, tier: gold}"}
INPUT = ("event", "after", *OF_TOOL, *OF_DATA)
BEFORE_MAX = 50
_EXAMPLE = "{note: too much, input: {tool: refund, arguments: {amount: 900}}, want_verdict: block}"
_INPUT = "{tool: refund, arguments: {amount: 900}}"


@dataclass(frozen=True, slots=True)
class CaseEvent:
    """One event of a case: its type, and its data beside the ids. `executed`: status and result, if it was.

    `after_ms` passes before it.
    """

    type: str
    data: Mapping[str, Any]
    executed: Mapping[str, Any] | None = None
    after_ms: int = 1_000


@dataclass(frozen=True, slots=True)
class PolicyCase:
    """A short conversation, and what is to be decided on its last event.

    `wants` holds each `want_…` that the file states. Where `policies` names some, only their rules are compared; the
    verdict is always that of the whole folder.
    """

    file: str
    path: str
    note: str
    policies: tuple[str, ...]
    before: tuple[CaseEvent, ...]
    judged: CaseEvent
    wants: Mapping[str, Any]


def read_cases(file: str, written: str) -> tuple[tuple[PolicyCase, ...], Mistakes]:
    """The cases of a file in their order, and its mistakes; the cases are good for use only where there are none."""
    value, mistakes = yaml12.read(file, written)
    if value is None:
        return (), mistakes
    items = items_of(value, "", mistakes, f"cases such as {_EXAMPLE}")
    read = [_case(item, f"[{index}]", file, mistakes) for index, item in enumerate(items)]
    _check_notes(read, mistakes)
    return tuple(case for case in read if case is not None), mistakes


def _case(item: Any, path: str, file: str, mistakes: Mistakes) -> PolicyCase | None:
    settings = mapping(item, path, mistakes, _EXAMPLE)
    if not isinstance(item, dict):
        return None
    known_keys(settings, path, KEYS, mistakes)
    note = text(required(settings, path, "note", "what the case shows", mistakes), at(path, "note"), mistakes)
    given = required(settings, path, "input", f"what is judged, such as {_INPUT}", mistakes)
    judged = _event(given, at(path, "input"), mistakes)
    if judged and judged.executed is not None:
        mistakes.add(at(path, "input"), "has a result: what is judged has none yet, move the result into before")
    required(settings, path, "want_verdict", "allow, require_approval, block or halt", mistakes)
    policies = texts(settings["policy"], at(path, "policy"), mistakes) if "policy" in settings else ()
    before, wants = _before(settings, path, mistakes), _wants(settings, path, mistakes)
    if note is None or judged is None:
        return None
    return PolicyCase(file, path, note, policies, before, judged, MappingProxyType(wants))


def _check_notes(cases: list[PolicyCase | None], mistakes: Mistakes) -> None:
    """A note is how a person finds a case, so no two are alike."""
    notes: set[str] = set()
    for case in cases:
        if case is not None and case.note in notes:
            mistakes.add(at(case.path, "note"), f"{shown(case.note)} is used twice: say what is different here")
        notes.add(case.note if case is not None else "")


def _before(settings: Mapping[str, Any], path: str, mistakes: Mistakes) -> tuple[CaseEvent, ...]:
    if "before" not in settings:
        return ()
    path = at(path, "before")
    items = items_of(settings["before"], path, mistakes, f"events such as {_INPUT}")
    if len(items) > BEFORE_MAX:
        mistakes.add(path, f"has {len(items)} events: write at most {BEFORE_MAX}")
    read = [_event(item, f"{path}[{index}]", mistakes) for index, item in enumerate(items)]
    return tuple(event for event in read if event is not None)


def _wants(settings: Mapping[str, Any], path: str, mistakes: Mistakes) -> dict[str, Any]:
    wants: dict[str, Any] = {}
    for key in (key for key in WANTS if key in settings):
        value, where = settings[key], at(path, key)
        if key in WORDS:
            wants[key] = choice(value, where, WORDS[key], mistakes)
        elif key in LISTS:
            wants[key] = _names(key, value, where, mistakes)
        elif key in TEXTS:
            wants[key] = text(value, where, mistakes)
        else:
            wants[key] = plain(mapping(value, where, mistakes, "{field: amount, value: 900}"))
    return wants


def _names(key: str, value: Any, path: str, mistakes: Mistakes) -> list[str]:
    """A list of texts, which may be empty: nothing is to fire."""
    named = list(texts(value, path, mistakes)) if value != [] else []
    for name in named:
        if key != "want_codes" and "/" not in name:
            mistakes.add(path, f"must name rules as policy/rule, got {shown(name)}")
    return named


def _event(value: Any, path: str, mistakes: Mistakes) -> CaseEvent | None:
    settings = mapping(value, path, mistakes, _INPUT)
    known_keys(settings, path, INPUT, mistakes)
    if not settings:
        mistakes.add(path, f"is empty: write an event such as {_INPUT}")
        return None
    kind = _type(settings, path, mistakes)
    data, after_ms = _data(settings, path, mistakes), _after(settings, path, mistakes)
    if "arguments" in settings:
        mapping(settings["arguments"], at(path, "arguments"), mistakes, "{amount: 900}")
    if kind != ACTION_PROPOSED:
        return CaseEvent(kind, data, None, after_ms)
    tool = text(required(settings, path, "tool", "the name of the tool", mistakes), at(path, "tool"), mistakes)
    data |= {"tool": tool, "arguments": plain(settings.get("arguments", {}))}
    if "effect" in settings:
        data["effect"] = choice(settings["effect"], at(path, "effect"), ("read", "write"), mistakes)
    if "result" not in settings and "status" not in settings:
        return CaseEvent(kind, data, None, after_ms)
    status = choice(settings.get("status", "ok"), at(path, "status"), ("ok", "error", "unknown"), mistakes)
    return CaseEvent(kind, data, {"status": status, "result": plain(settings.get("result"))}, after_ms)


def _after(settings: Mapping[str, Any], path: str, mistakes: Mistakes) -> int:
    """The time that passes before an event: a second, unless the case says more."""
    written = duration(settings["after"], at(path, "after"), mistakes) if "after" in settings else None
    return milliseconds(written or "1s")


def _type(settings: Mapping[str, Any], path: str, mistakes: Mistakes) -> str:
    """The type of an event: as stated, else by what it has: a tool is proposed, a text is the customer's."""
    if "event" not in settings:
        return ACTION_PROPOSED if any(key in settings for key in OF_TOOL) else QUERY_RECEIVED
    named = settings["event"]
    if named in EVENTS.values():
        return str(named)
    if not isinstance(named, str) or named not in EVENTS:
        mistakes.add(
            at(path, "event"), f"{shown(named)} is no event that a case can bring: {instead(str(named), EVENTS)}"
        )
    return EVENTS.get(str(named), QUERY_RECEIVED)


def _data(settings: Mapping[str, Any], path: str, mistakes: Mistakes) -> dict[str, Any]:
    more = mapping(settings["data"], at(path, "data"), mistakes, "{channel: chat}") if "data" in settings else {}
    for key in (key for key in OF_DATA if key in settings):
        if key in OF_MAPPINGS:
            mapping(settings[key], at(path, key), mistakes, OF_MAPPINGS[key])
        elif key != "data" and not isinstance(settings[key], str):
            mistakes.add(at(path, key), f"must be text, got {shown(settings[key])}")
    own = {key: settings[key] for key in OF_DATA if key in settings and key != "data"}
    data: dict[str, Any] = plain({**more, **own})
    return data


def plain(value: Any) -> Any:
    """A value of the file as JSON has it: decimals as numbers."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else as_json(value)
