"""lexicon.yaml."""

from handrail.policies.json_schema.parts import TEXT, Schema, about, integer, listed, mapping, named, words
from handrail.policies.lexicon import KEYS, POINTS_MAX, RISKS

_PHRASES = listed(TEXT)
_POINTS = about(named(_PHRASES, f"^-?[1-{POINTS_MAX}]$"), "Phrases by their points, such as {3: [stolen card]}.")


def lexicon() -> Schema:
    """The words by which queries are classified."""
    described: Schema = {
        "model": about(TEXT, "Its name in decisions."),
        "least": about(integer(1, 100), "The points that an intent needs."),
        "ignored": _PHRASES,
        "same": named(_PHRASES, r"^\S+$"),
        "topics": named(mapping({"risk": words(*RISKS)})),
        "intents": named(mapping({"topic": TEXT, "words": _POINTS}, "topic", "words")),
        "wants_human": mapping({"words": _POINTS, "innocent": _PHRASES, "negations": _PHRASES, "until": _PHRASES}),
        "risk": mapping(dict.fromkeys(RISKS[1:], _PHRASES)),
        "complexity": _PHRASES,
    }
    return {"title": "The words by which queries are classified", **mapping({key: described[key] for key in KEYS})}
