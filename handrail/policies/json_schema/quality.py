"""quality.yaml."""

from handrail.policies import quality as quality_file
from handrail.policies.json_schema.parts import (
    NUMBER_TEXT,
    TEXT,
    Schema,
    about,
    amount,
    integer,
    listed,
    mapping,
    named,
    or_null,
    words,
)
from handrail.policies.quality_values import (
    ADDRESS,
    SHOWN,
    Address,
    Amount,
    Kind,
    Number,
    Rungs,
    Shown,
    Text,
    Whole,
    Word,
)


def quality() -> Schema:
    """What is sampled, scored and judged, when an alarm is on, and how autonomy is earned."""
    sections = {name: _section(keys) for name, keys in quality_file.KEYS.items()}
    rates = _section(quality_file.RATES)
    sections["sample"]["properties"]["intents"] = about(named(rates), "Rates of single intents.")
    scorers = about(listed(words(*quality_file.SCORERS)), "Which scorers run; without it all do.")
    return {"title": "How quality is watched", **mapping({**sections, "scorers": scorers})}


def _section(keys: quality_file.Keys) -> Schema:
    return mapping({key: _value(kind) for key, (_, kind) in keys.items()})


def _value(kind: Kind) -> Schema:
    match kind:
        case Number():
            return _number(kind)
        case Whole():
            return integer(kind.least, kind.most)
        case Word():
            return words(*kind.words)
        case Text():
            return or_null(TEXT) if kind.empty else TEXT
        case Address():
            return or_null({"type": "string", "pattern": f"^{ADDRESS.pattern}$"})
        case Amount():
            return about(amount(0, kind.most), 'USD, such as "5.00".')
        case Rungs():
            return about(listed(_number(Number(0, kind.most, above=True))), "Shares that rise.")
        case Shown():
            return {"anyOf": [words(SHOWN), _number(Number(0, kind.most, above=True))]}
        case _:
            return {"type": "boolean"}


def _number(kind: Number) -> Schema:
    least = "exclusiveMinimum" if kind.above else "minimum"
    return {"anyOf": [{"type": "number", least: kind.least, "maximum": kind.most}, NUMBER_TEXT]}
