"""Case files."""

from handrail.policies.case import BEFORE_MAX, EVENTS, INPUT, KEYS, LISTS, TEXTS, WORDS
from handrail.policies.json_schema.condition import TIME
from handrail.policies.json_schema.parts import TEXT, Schema, about, listed, mapping, words
from handrail.policies.json_schema.parts import TEXTS as ONE_OR_MORE


def cases() -> Schema:
    """A list of cases."""
    described: Schema = {
        "note": about(TEXT, "What the case shows; how it is found."),
        "policy": about(ONE_OR_MORE, "Whose rules are compared. Without it: all of the folder."),
        "before": about(listed(_event()) | {"maxItems": BEFORE_MAX}, "What happened before, in its order."),
        "input": about(_event(), "What is judged."),
        **{key: words(*known) for key, known in WORDS.items()},
        **{key: _names(key) for key in LISTS},
        **dict.fromkeys(TEXTS, TEXT),
        "want_evidence": {"type": "object"},
    }
    case = mapping({key: described[key] for key in KEYS}, "note", "input", "want_verdict")
    return {"title": "Cases of policies", **listed(case)}


def _names(key: str) -> Schema:
    """Rules as policy/rule, a skipped one followed by its field; other reasons by their codes."""
    item = TEXT if key == "want_codes" else {"type": "string", "pattern": "/"}
    return {"anyOf": [item, {"type": "array", "items": item}]}


def _event() -> Schema:
    described: Schema = {
        "event": about(words(*EVENTS, *EVENTS.values()), "Without it: an action where there is a tool, else a query."),
        "after": about(TIME, "The time that passes before it; a second without."),
        "tool": TEXT,
        "arguments": {"type": "object"},
        "effect": words("read", "write"),
        "status": words("ok", "error", "unknown"),
        "result": about({}, "What the tool answered: the action was executed."),
        "attributes": {"type": "object"},
        "customer": {"type": "object"},
        "data": about({"type": "object"}, "Any other data of the event."),
    }
    return mapping({key: described.get(key, {"type": "string"}) for key in INPUT}, least=1)
