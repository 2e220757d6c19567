"""`lexicon.yaml`: the words by which queries are classified, each with its points.

topics: {fraud: {risk: high}}
intents:
  report_fraud:
    topic: fraud
    words: {4: [fraud, scam], 3: [stole card|wallet], -2: [fraud policy]}

`stole card|wallet` is two phrases. A lexicon of your own adds to the built-in one: its topics and intents stand beside
the built-in ones and replace those of the same name, every other part replaces the built-in part.
"""

from collections.abc import Mapping
from math import prod
from typing import Any

from handrail.policies.mistakes import Mistakes, instead, shown
from handrail.policies.shape import at, choice, integer, items_of, known_keys, mapping, required, text

KEYS = ("model", "least", "ignored", "same", "topics", "intents", "wants_human", "risk", "complexity")
RISKS = ("low", "medium", "high")
GENERAL = "general"
"""The topic of what belongs to no other."""

_WITH_PHRASES = ("intents.", "wants_human.", "risk.", "complexity[")
POINTS_MAX = 9
_POINTS = frozenset(map(str, range(1, POINTS_MAX + 1)))
PHRASE_WORDS_MAX = 6
SPELLINGS_MAX = 256
NAMES_MAX = 1_000
_WORDS = "{3: [stolen card]}"
_INTENT = f"{{topic: fraud, words: {_WORDS}}}"


def read_lexicon(value: Any, mistakes: Mistakes, below: Mapping[str, Any]) -> dict[str, Any]:
    """The lexicon of a parsed file over the one `below` it; each intent has `topic` and `words` by points."""
    root = mapping(value, "", mistakes, "topics: {orders: {risk: low}}")
    known_keys(root, "", KEYS, mistakes)
    read = dict(below)
    if "model" in root:
        read["model"] = text(root["model"], "model", mistakes) or ""
    if "least" in root:
        read["least"] = integer(root["least"], "least", 1, 100, mistakes) or 1
    for key in ("ignored", "complexity"):
        if key in root:
            read[key] = _phrases(root[key], key, mistakes)
    for key, names in (("same", None), ("risk", RISKS[1:])):
        if key in root:
            read[key] = _lists(root[key], key, names, mistakes)
    if "wants_human" in root:
        read["wants_human"] = _wants_human(root["wants_human"], "wants_human", mistakes)
    ignored = {word.casefold() for word in read.get("ignored", ())}
    _check_ignored(root, "", ignored, mistakes)
    read["topics"] = {**below.get("topics", {}), **_topics(root.get("topics", {}), mistakes)}
    read["intents"] = {**below.get("intents", {}), **_intents(root.get("intents", {}), read["topics"], mistakes)}
    return read


def named_topics(lexicon: Mapping[str, Any], topics: tuple[str, ...]) -> dict[str, Any]:
    """The lexicon as the routing file reads it: each intent with its risk, and no topic that the file does not name."""
    risks = lexicon.get("topics", {})
    intents = {
        name: {
            **intent,
            "topic": intent["topic"] if not topics or intent["topic"] in topics else GENERAL,
            "risk": risks.get(intent["topic"], {}).get("risk", "low"),
        }
        for name, intent in lexicon.get("intents", {}).items()
    }
    return {**lexicon, "intents": intents}


def _topics(value: Any, mistakes: Mistakes) -> dict[str, Any]:
    read = {}
    for name, settings in _named(value, "topics", "{fraud: {risk: high}}", mistakes).items():
        path = at("topics", name)
        inner = mapping(settings, path, mistakes, "{risk: high}")
        known_keys(inner, path, ("risk",), mistakes)
        read[name] = {"risk": choice(inner.get("risk", "low"), at(path, "risk"), RISKS, mistakes) or "low"}
    return read


def _intents(value: Any, topics: Mapping[str, Any], mistakes: Mistakes) -> dict[str, Any]:
    read = {}
    for name, settings in _named(value, "intents", f"{{lost_card: {_INTENT}}}", mistakes).items():
        path = at("intents", name)
        inner = mapping(settings, path, mistakes, _INTENT)
        known_keys(inner, path, ("topic", "words"), mistakes)
        words = required(inner, path, "words", f"points and phrases such as {_WORDS}", mistakes)
        read[name] = {
            "topic": _topic(inner, path, topics, mistakes),
            "words": _points(words, at(path, "words"), mistakes) if "words" in inner else {},
        }
    return read


def _topic(intent: Mapping[str, Any], path: str, topics: Mapping[str, Any], mistakes: Mistakes) -> str:
    topic = required(intent, path, "topic", "the topic that it belongs to", mistakes)
    if isinstance(topic, str) and (topic == GENERAL or topic in topics):
        return topic
    if "topic" in intent:
        known = instead(str(topic), [*topics, GENERAL])
        mistakes.add(at(path, "topic"), f"{shown(topic)} is no topic of this lexicon: {known}")
    return GENERAL


def _wants_human(value: Any, path: str, mistakes: Mistakes) -> dict[str, Any]:
    inner = mapping(value, path, mistakes, f"{{words: {_WORDS}, innocent: [human resources]}}")
    known_keys(inner, path, ("words", "innocent", "negations", "until"), mistakes)
    lists = {key: _phrases(inner[key], at(path, key), mistakes) for key in inner if key in _HUMAN_LISTS}
    return {"words": _points(inner.get("words", {}), at(path, "words"), mistakes), **lists}


_HUMAN_LISTS = ("innocent", "negations", "until")


def _points(value: Any, path: str, mistakes: Mistakes) -> dict[int, tuple[str, ...]]:
    """Phrases by their points. Keys of YAML are text here, so the points are read from it."""
    read = {}
    for key, phrases in mapping(value, path, mistakes, _WORDS).items():
        where = at(path, key)
        if key.removeprefix("-") not in _POINTS:
            mistakes.add(where, f"must be points from 1 to {POINTS_MAX} or -{POINTS_MAX} to -1, got {shown(key)}")
            continue
        read[int(key)] = _phrases(phrases, where, mistakes)
    return read


def _lists(value: Any, path: str, names: tuple[str, ...] | None, mistakes: Mistakes) -> dict[str, tuple[str, ...]]:
    inner = _named(value, path, "{high: [lawyer]}" if names else "{not: [never]}", mistakes)
    if names is not None:
        known_keys(inner, path, names, mistakes)
    for name in inner:
        if len(name.split()) != 1 or not name.isalnum():
            mistakes.add(at(path, name), f"must be one word, got {shown(name)}")
    return {name: _phrases(phrases, at(path, name), mistakes) for name, phrases in inner.items()}


def _named(value: Any, path: str, example: str, mistakes: Mistakes) -> dict[str, Any]:
    inner = mapping(value, path, mistakes, example)
    if len(inner) > NAMES_MAX:
        mistakes.add(path, f"has {len(inner)} entries: write at most {NAMES_MAX}")
        return {}
    return inner


def _check_ignored(value: Any, path: str, ignored: set[str], mistakes: Mistakes) -> None:
    """A phrase of which the ignored words leave one would count wherever that word stands: `not me` as `not`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_ignored(inner, at(path, key), ignored, mistakes)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_ignored(item, f"{path}[{index}]", ignored, mistakes)
    elif isinstance(value, str) and path.startswith(_WITH_PHRASES) and not path.endswith(".topic"):
        words = [word.casefold().split("|") for word in value.split()]
        least = sum(not ignored.intersection(spellings) for spellings in words)
        if least < min(len(words), 2):
            mistakes.add(path, f"has at most one word that `ignored` has not, got {shown(value)}: write another phrase")


def _phrases(value: Any, path: str, mistakes: Mistakes) -> tuple[str, ...]:
    items = items_of(value, path, mistakes, "words and short phrases")
    read = [_phrase(item, f"{path}[{index}]", mistakes) for index, item in enumerate(items)]
    return tuple(phrase for phrase in read if phrase)


def _phrase(value: Any, path: str, mistakes: Mistakes) -> str | None:
    phrase = text(value, path, mistakes)
    words = (phrase or "").split()
    if len(words) > PHRASE_WORDS_MAX:
        mistakes.add(path, f"has {len(words)} words: write at most {PHRASE_WORDS_MAX}")
    if any(not each for word in words for each in word.split("|")):
        mistakes.add(path, f"has a | without a word on both sides, got {shown(value)}: write stole card|wallet")
    if prod(word.count("|") + 1 for word in words) > SPELLINGS_MAX:
        mistakes.add(path, f"stands for more than {SPELLINGS_MAX} phrases: write several")
    return phrase
