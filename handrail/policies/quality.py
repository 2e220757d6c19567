"""`quality.yaml`: what is sampled, scored and judged, when an alarm is on, and how autonomy is earned.

sample: {score: 1.0, judge: 0.05, label_per_day: 30, intents: {refunds: {judge: 0.2}}}
scorers: [ended_badly, tool_errors]
judge: {base_url: "https://models.example/v1", model: gpt-4.1, usd_per_day: 5}
alarm: {arl_days: 365, min_n_day: 20}
autonomy: {margin: 0.05, ladder: [0.2, 0.5, 0.9], fall_margin: shown}
model_gate: {on: served, golden: golden/, trials: 3}
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from handrail.policies.mistakes import Mistakes
from handrail.policies.quality_values import (
    Address,
    Amount,
    Kind,
    Number,
    Rungs,
    Shown,
    Text,
    Truth,
    Whole,
    Word,
    Words,
)
from handrail.policies.shape import at, known_keys, mapping, named_once
from handrail.schemas.identity import identity
from handrail.schemas.money import PICO

SCORERS = (
    "policy_facts",
    "ended_badly",
    "tool_errors",
    "ungrounded",
    "unconfirmed",
    "customer_repeats",
    "canned",
    "handoff_again",
)
INTENTS_MAX = 1_000
TOP_MAX, ALPHA_MAX = 0.95, 0.2


@dataclass(frozen=True, slots=True)
class Sample:
    """Rates from 0 to 1 for scorers and judge, labels a day that people give; `intents` have rates of their own."""

    score: float = 1.0
    judge: float = 0.05
    label_per_day: int = 30
    intents: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class JudgeModel:
    """A model that judges, at an OpenAI-compatible address; None: there is none. Money in pico-dollars."""

    base_url: str | None = None
    model: str | None = None
    pico_per_day: int = 5 * PICO
    pico_per_talk: int = PICO // 20
    timeout_s: int = 60
    anchors: int = 60


@dataclass(frozen=True, slots=True)
class Alarm:
    """Days to a false alarm, for one rate; and conversations without which a day says nothing."""

    arl_days: int = 365
    min_n_day: int = 20


@dataclass(frozen=True, slots=True)
class Autonomy:
    """How an intent earns its share. `fall_margin` None: what it has shown. `auto_up`: it rises without a person."""

    outcome: str = "verified"
    margin: float = 0.05
    alpha: float = 0.05
    ladder: tuple[float, ...] = (0.2, 0.5, 0.9)
    holdout_per_day: int = 20
    soak_days: int = 7
    fall_margin: float | None = None
    fall_arl_days: int = 1000
    auto_up: bool = False


@dataclass(frozen=True, slots=True)
class ModelGate:
    """What a model must pass before it answers: the golden cases in this folder, each so many times."""

    on: str = "served"
    golden: str = "golden/"
    margin: float = 0.1
    trials: int = 3


@dataclass(frozen=True, slots=True)
class Quality:
    """What the file says; without it all of this is so."""

    sample: Sample = Sample()
    scorers: tuple[str, ...] = SCORERS
    judge: JudgeModel = JudgeModel()
    alarm: Alarm = Alarm()
    autonomy: Autonomy = Autonomy()
    model_gate: ModelGate = ModelGate()


Keys: TypeAlias = Mapping[str, tuple[str, Kind]]

RATES: Keys = {"score": ("score", Number(0, 1)), "judge": ("judge", Number(0, 1))}
KEYS: Mapping[str, Keys] = {
    "sample": {**RATES, "label_per_day": ("label_per_day", Whole(0, 10_000))},
    "judge": {
        "base_url": ("base_url", Address()),
        "model": ("model", Text(empty=True)),
        "usd_per_day": ("pico_per_day", Amount(1_000_000)),
        "usd_per_talk": ("pico_per_talk", Amount(1_000)),
        "timeout_s": ("timeout_s", Whole(1, 600)),
        "anchors": ("anchors", Whole(20, 1_000)),
    },
    "alarm": {"arl_days": ("arl_days", Whole(30, 36_500)), "min_n_day": ("min_n_day", Whole(1, 1_000_000))},
    "autonomy": {
        "outcome": ("outcome", Word(("verified",))),
        "margin": ("margin", Number(0, 0.5, above=True)),
        "alpha": ("alpha", Number(0, ALPHA_MAX, above=True)),
        "ladder": ("ladder", Rungs(TOP_MAX)),
        "holdout_per_day": ("holdout_per_day", Whole(0, 1_000_000)),
        "soak_days": ("soak_days", Whole(1, 365)),
        "fall_margin": ("fall_margin", Shown(0.5)),
        "fall_arl_days": ("fall_arl_days", Whole(30, 36_500)),
        "auto_up": ("auto_up", Truth()),
    },
    "model_gate": {
        "on": ("on", Word(("served", "fingerprint"))),
        "golden": ("golden", Text()),
        "margin": ("margin", Number(0, 0.5, above=True)),
        "trials": ("trials", Whole(1, 100)),
    },
}
"""What each key of a section sets, and how it is read; `scorers` and `sample.intents` stand apart."""

SCORER_NAMES = Words(SCORERS)
_EXAMPLE = "sample: {score: 1.0, judge: 0.05}"


def read_quality(value: Any, mistakes: Mistakes) -> Quality:
    """What a parsed file says."""
    root = mapping(value, "", mistakes, _EXAMPLE)
    known_keys(root, "", (*KEYS, "scorers"), mistakes)
    stated = {name: _section(root[name], name, mistakes) for name in KEYS if name in root}
    judge, autonomy = JudgeModel(**stated.get("judge", {})), Autonomy(**stated.get("autonomy", {}))
    if not mistakes.entries:
        _agree(judge, autonomy, mistakes)
    scorers = SCORER_NAMES.read(root["scorers"], "scorers", mistakes) if "scorers" in root else SCORERS
    return Quality(
        Sample(**stated.get("sample", {})),
        scorers or (),
        judge,
        Alarm(**stated.get("alarm", {})),
        autonomy,
        ModelGate(**stated.get("model_gate", {})),
    )


def _section(value: Any, name: str, mistakes: Mistakes) -> dict[str, Any]:
    keys = KEYS[name]
    settings = mapping(value, name, mistakes, f"{{{next(iter(keys))}: ...}}")
    known_keys(settings, name, (*keys, "intents") if name == "sample" else keys, mistakes)
    stated = _stated(settings, name, keys, mistakes)
    if name == "sample" and "intents" in settings:
        stated["intents"] = _intents(settings["intents"], at(name, "intents"), mistakes)
    return stated


def _stated(settings: Mapping[str, Any], path: str, keys: Keys, mistakes: Mistakes) -> dict[str, Any]:
    """The fields that are stated; one with a mistake is left out, so that its default keeps the rest readable."""
    read = {keys[key][0]: keys[key][1].read(settings[key], at(path, key), mistakes) for key in settings if key in keys}
    empty = {keys[key][0] for key in settings if key in keys and keys[key][1].may_be_empty}
    return {name: value for name, value in read.items() if value is not None or name in empty}


def _intents(value: Any, path: str, mistakes: Mistakes) -> dict[str, Mapping[str, float]]:
    named = mapping(value, path, mistakes, "{refunds: {judge: 0.2}}")
    if len(named) > INTENTS_MAX:
        mistakes.add(path, f"has {len(named)} intents: write at most {INTENTS_MAX}")
        return {}
    named_once(named, path, mistakes)
    intents: dict[str, Mapping[str, float]] = {}
    for name, settings in named.items():
        rates = mapping(settings, at(path, name), mistakes, "{judge: 0.2}")
        known_keys(rates, at(path, name), RATES, mistakes)
        intents[identity(name)] = _stated(rates, at(path, name), RATES, mistakes)
    return intents


def _agree(judge: JudgeModel, autonomy: Autonomy, mistakes: Mistakes) -> None:
    """What one key alone cannot get wrong."""
    if (judge.base_url is None) != (judge.model is None):
        mistakes.add("judge", "needs both base_url and model, or neither: without them nothing is judged")
    if judge.pico_per_talk > judge.pico_per_day:
        mistakes.add("judge.usd_per_talk", "is above usd_per_day: no conversation could be judged")
    if autonomy.fall_margin is not None and autonomy.fall_margin > autonomy.margin:
        mistakes.add("autonomy.fall_margin", f"is above margin ({autonomy.margin:g}): write at most that, or shown")
