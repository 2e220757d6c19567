"""What a query is about: a lexicon of weighted words, so that every classification can be explained by its words.

Each cue found, a word or a phrase of `lexicon.yaml`, gives its points to an intent, once. The intent with most points
is the answer, and its topic with it, where it has at least `least` points; of equals, the one of higher risk, then the
earlier in the file. A trained model may replace this behind the same function.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from handrail.streams.governor.phrases import normalise

CHARACTERS_MAX = 4_000
"""A longer text is read in part: the first 3,000 characters and the last 1,000."""

HEAD, TAIL = 3_000, 1_000
PHRASE_WORDS_MAX = 8
"""No phrase is followed further than this many words."""

NEGATED_WORDS = 4
"""A negation takes the points for a human from the cues that begin within this many words after it."""

SHORT_WORDS = 3
"""In a text of so few words a cue for a human gives one point more: “agent!” is a request, “your agent said” is not."""

WORDS_PER_POINT = 30
MODERATE, COMPLEX = 2, 4
"""Points of complexity from which a query is moderate, and complex."""

RISKS = ("low", "medium", "high")
GENERAL = "general"
HUMAN_INTENT = "contact_human"
NO_MODEL = "lexicon-0"
NUMBER = "0"
"""How every number is read: amounts and order numbers say nothing about the intent."""

_INNOCENT, _NEGATES, _ENDS, _JOINS, _HIGH, _MEDIUM = 1, 2, 4, 8, 16, 32
_QUESTIONS = re.compile(r"[?？]+").findall


@dataclass(frozen=True, slots=True)
class Classification:
    """What a query was understood as; the fields are those of a decision."""

    intent: str | None
    topic: str
    risk: str
    complexity: str
    confidence: float
    wants_human: bool
    model: str

    def as_dict(self) -> dict[str, Any]:
        """The classification as a decision carries it."""
        return {
            "intent": self.intent,
            "topic": self.topic,
            "risk": self.risk,
            "complexity": self.complexity,
            "confidence": self.confidence,
            "wants_human": self.wants_human,
            "model": self.model,
        }


@dataclass(slots=True, eq=False)
class _Node:
    """A place in the tree of phrases: the words that go on from it, and what a phrase that ends here says.

    Two spellings of one phrase count once, with the points that weigh most.
    """

    following: dict[str, "_Node"] = field(default_factory=dict)
    points: tuple[tuple[int, int], ...] = ()
    human: int = 0
    marks: int = 0


@dataclass(frozen=True, slots=True)
class _Intent:
    """An intent; `rank` is its topic's risk, from 0."""

    name: str
    topic: str
    rank: int


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """A compiled lexicon. `forms` has what stands for a word: its plain form, or "" where it is ignored."""

    model: str
    least: int
    forms: Mapping[str, str]
    intents: tuple[_Intent, ...]
    root: Mapping[str, _Node]


class _Path(NamedTuple):
    """The nodes along the words from `begin`, and all their marks."""

    begin: int
    nodes: list[_Node]
    marks: int


@dataclass(slots=True)
class _Scan:
    """What the cues of a text add up to."""

    points: list[int]
    human: int = 0
    marks: int = 0
    joins: int = 0
    negated_until: int = 0


def compile_lexicon(lexicon: Mapping[str, Any]) -> Lexicon:
    """The lexicon of a bundle, ready for use; an empty one finds nothing."""
    intents = lexicon.get("intents", {})
    cues = list(_cues(lexicon))
    forms = _forms(lexicon, cues)
    root = _Node()
    for phrase, points, human, marks in cues:
        node = root
        for word in _words(phrase, forms):
            node = node.following.setdefault(word, _Node())
        if node is not root:
            node.points = _weightiest((*node.points, *points))
            node.human = max(human, node.human)
            node.marks |= marks
    return Lexicon(
        lexicon.get("model", NO_MODEL),
        lexicon.get("least", 1),
        forms,
        tuple(_Intent(name, each["topic"], RISKS.index(each["risk"])) for name, each in intents.items()),
        root.following,
    )


def _weightiest(points: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Of the points for one intent those that weigh most."""
    most: dict[int, int] = {}
    for intent, each in points:
        most[intent] = max(each, most.get(intent, each), key=abs)
    return tuple(most.items())


_Cue = tuple[str, list[tuple[int, int]], int, int]


def _cues(lexicon: Mapping[str, Any]) -> Iterator[_Cue]:
    """Every phrase: itself, points by intent, points for a human, marks."""
    for index, intent in enumerate(lexicon.get("intents", {}).values()):
        for points, phrases in intent["words"].items():
            for phrase in _spelled(phrases):
                yield phrase, [(index, points)], 0, 0
    human = lexicon.get("wants_human", {})
    for points, phrases in human.get("words", {}).items():
        for phrase in _spelled(phrases):
            yield phrase, [], points, 0
    risk = lexicon.get("risk", {})
    marked = (
        (_INNOCENT, human.get("innocent", ())),
        (_NEGATES, human.get("negations", ())),
        (_ENDS, human.get("until", ())),
        (_JOINS, lexicon.get("complexity", ())),
        (_HIGH, risk.get("high", ())),
        (_MEDIUM, risk.get("medium", ())),
    )
    for mark, phrases in marked:
        for phrase in _spelled(phrases):
            yield phrase, [], 0, mark


def _spelled(phrases: tuple[str, ...]) -> Iterator[str]:
    """`stole card|wallet` as `stole card` and `stole wallet`, each once."""
    for phrase in phrases:
        for words in dict.fromkeys(product(*(word.split("|") for word in phrase.split()))):
            yield " ".join(words)


def _forms(lexicon: Mapping[str, Any], cues: list[_Cue]) -> dict[str, str]:
    """What stands for a word: "" for one to ignore, one word for all that mean the same, `charge` for `charged`."""
    ignored = {form: "" for word in lexicon.get("ignored", ()) for form in _split(word)}
    same = {
        form: _split(name)[0]
        for name, words in lexicon.get("same", {}).items()
        for each in words
        for form in _split(each)
    }
    forms = ignored | same
    vocabulary = {forms.get(word, word) for phrase, *_ in cues for word in _split(phrase)} - {""}
    for word in sorted(vocabulary, key=lambda word: (len(word), word)):
        if word not in forms:
            for inflected in _inflected(word):
                forms.setdefault(inflected, word)
    return forms


def _inflected(word: str) -> Iterator[str]:
    """Regular plurals and verb forms. Some are no words, and never come."""
    if not word.isascii() or len(word) < 3:
        return
    yield f"{word}s"
    if len(word) == 3:
        return
    stem = word.removesuffix("e")
    yield from (f"{word}es", f"{stem}ed", f"{stem}ing", f"{word}{word[-1]}ed", f"{word}{word[-1]}ing")
    if word.endswith("y"):
        yield from (f"{word[:-1]}ies", f"{word[:-1]}ied")


def _split(text: str) -> list[str]:
    return normalise(text.replace("'", "").replace("’", "")).split()


def _words(text: str, forms: Mapping[str, str]) -> list[str]:
    return [NUMBER if form.isdecimal() else form for word in _split(text) if (form := forms.get(word, word))]


def _cut(text: str) -> str:
    return text if len(text) <= CHARACTERS_MAX else f"{text[:HEAD]} {text[-TAIL:]}"


def classify(lexicon: Lexicon, text: str) -> Classification:
    """What `text` is about, how risky and how complex it is, and whether its writer asks for a human.

    Confidence is `first / (first + second + least)`, to two digits, where `first` has the points of the intent that
    won and `second` the most points of an intent of another topic: 0 where nothing was found, 0.5 for the least points
    without a rival, towards 1 for many points without a rival. Risk is that of the most risky topic with `least`
    points, raised by cues of risk. A point of complexity is given for every 30 words, each question after the first,
    each joining word and each further topic; 2 are moderate, 4 complex. The cost is bounded by `CHARACTERS_MAX`.
    """
    text = _cut(text)
    words = _words(text, lexicon.forms)
    scan = _scan(lexicon, words)
    wants_human = scan.human + (scan.human > 0 and len(words) <= SHORT_WORDS) >= lexicon.least
    best = _best(lexicon, scan.points)
    if best is None:
        first, second, name, topic, rank, others = 0, 0, None, GENERAL, 0, 0
    else:
        won = lexicon.intents[best]
        first, name, topic = scan.points[best], won.name, won.topic
        second, rank, others = _rivals(lexicon, scan.points, won)
    if wants_human and scan.human > first:
        if topic == GENERAL:
            name = HUMAN_INTENT
        first = scan.human
    return Classification(
        name,
        topic,
        RISKS[max(rank, 2 if scan.marks & _HIGH else 1 if scan.marks & _MEDIUM else 0)],
        _complexity(text, len(words), scan.joins + others),
        round(first / (first + second + lexicon.least), 2) if first else 0.0,
        wants_human,
        lexicon.model,
    )


def _best(lexicon: Lexicon, points: list[int]) -> int | None:
    """The index of the intent that wins, or None where none has enough points."""
    if not points:
        return None
    most = max(points)
    if most < lexicon.least:
        return None
    if points.count(most) == 1:
        return points.index(most)
    winners = [index for index, each in enumerate(points) if each == most]
    return max(winners, key=lambda index: lexicon.intents[index].rank)


def _rivals(lexicon: Lexicon, points: list[int], won: _Intent) -> tuple[int, int, int]:
    """Most points of another topic, the highest risk among topics with enough points, and how many others there are."""
    second, rank, others = 0, won.rank, set()
    for index, each in enumerate(points):
        if each <= 0 or (intent := lexicon.intents[index]).topic == won.topic:
            continue
        second = max(second, each)
        if each >= lexicon.least:
            rank = max(rank, intent.rank)
            others.add(intent.topic)
    return second, rank, len(others)


def _complexity(text: str, words: int, points: int) -> str:
    points += words // WORDS_PER_POINT + max(len(_QUESTIONS(text)) - 1, 0)
    return "complex" if points >= COMPLEX else "moderate" if points >= MODERATE else "simple"


def _scan(lexicon: Lexicon, words: list[str]) -> _Scan:
    """Add up the cues, in one pass; from each word the tree is followed for a phrase's length at most."""
    scan = _Scan([0] * len(lexicon.intents))
    root, counted = lexicon.root, set[_Node]()
    paths = [_path(node, words, index) for index, word in enumerate(words) if (node := root.get(word))]
    innocent = {index for path in paths if path.marks & _INNOCENT for index in _innocent(path)}
    for path in paths:
        _add(scan, path, counted, innocent)
    return scan


def _path(node: _Node, words: list[str], begin: int) -> _Path:
    """`node` and those that follow it along the words after `begin`."""
    nodes, marks = [node], node.marks
    for word in words[begin + 1 : begin + PHRASE_WORDS_MAX]:
        following = node.following.get(word)
        if following is None:
            break
        node = following
        marks |= node.marks
        nodes.append(node)
    return _Path(begin, nodes, marks)


def _innocent(path: _Path) -> range:
    """The words of the longest innocent phrase of a path."""
    return range(path.begin, path.begin + max(at for at, node in enumerate(path.nodes, 1) if node.marks & _INNOCENT))


def _add(scan: _Scan, path: _Path, counted: set[_Node], innocent: set[int]) -> None:
    """Count the cues of one path: each once in a text, those for a human only where they are meant."""
    if path.marks & _ENDS:
        scan.negated_until = 0
    negated = path.begin < scan.negated_until
    for end, node in enumerate(path.nodes, path.begin + 1):
        if node.marks & _NEGATES:
            scan.negated_until = max(scan.negated_until, end + NEGATED_WORDS)
        if node in counted or (node.human and (negated or not innocent.isdisjoint(range(path.begin, end)))):
            continue
        counted.add(node)
        scan.human += node.human
        scan.marks |= node.marks
        scan.joins += bool(node.marks & _JOINS)
        for intent, points in node.points:
            scan.points[intent] += points
