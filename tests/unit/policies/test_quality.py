"""quality.yaml: what it says, its defaults, and each mistake with file, path and what to write."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft7Validator

from handrail.policies import json_schema, load_bundle, yaml12
from handrail.policies.case import plain
from handrail.policies.quality import SCORERS, Alarm, Autonomy, JudgeModel, ModelGate, Quality, Sample
from handrail.schemas.errors import PolicyErrors
from handrail.schemas.money import PICO
from handrail.streams.quality import scorers
from handrail.streams.quality.ladder import Ladder
from tests.bundles import bundle, written

WHOLE = Path(__file__).parent / "whole" / "quality.yaml"


def test_without_the_file_the_defaults_hold_and_the_bundle_is_what_it_was() -> None:
    without = load_bundle(None)
    assert without.quality == Quality()
    assert not any("quality" in name for name in without.document["files"])


def test_the_file_belongs_to_the_bundle() -> None:
    one, other = bundle(quality="alarm: {arl_days: 365}"), bundle(quality="alarm: {arl_days: 366}")
    assert one.ruleset != other.ruleset != load_bundle(None).ruleset
    assert (one.quality, other.quality.alarm.arl_days) == (Quality(), 366)


def test_a_whole_file_is_read() -> None:
    judge = JudgeModel("https://models.example/v1", "gpt-4.1", 5 * PICO, PICO // 20, 60, 60)
    rates = {"refunds": {"judge": 0.2, "score": 1.0}}
    wanted = Quality(Sample(intents=rates), ("policy_facts", "canned"), judge, Alarm(), Autonomy(), ModelGate())
    assert bundle(quality=WHOLE.read_text()).quality == wanted


def test_what_is_left_out_has_its_default() -> None:
    found = bundle(quality="autonomy: {margin: 0.1, fall_margin: 0.02}\njudge: {base_url: null, model: null}").quality
    assert found == replace(Quality(), autonomy=Autonomy(margin=0.1, fall_margin=0.02))


def test_its_scorers_and_its_ladder_are_those_of_the_code() -> None:
    assert tuple(scorer.name for scorer in scorers.SCORERS) == SCORERS
    ladder, said = Ladder(), Autonomy()
    for name in ("margin", "alpha", "soak_days", "fall_margin", "fall_arl_days"):
        assert getattr(ladder, name) == getattr(said, name)
    assert ladder.shares == said.ladder


BROKEN = [
    ("smple: {}", "smple: is not known here: did you mean sample?"),
    ("[]", "must be a mapping such as sample: {score: 1.0, judge: 0.05}, got []"),
    ("sample: {score: 1.1}", "sample.score: must be from 0 to 1, got 1.1"),
    ("sample: {judge: -1}", "sample.judge: must be from 0 to 1, got -1"),
    ("sample: {label_per_day: 2.5}", "sample.label_per_day: must be a whole number from 0 to 10000, got 2.5"),
    ("sample: {intents: {a: {rate: 1}}}", "sample.intents.a.rate: is not known here: write one of judge or score"),
    ("sample: {intents: {A: {}, a: {}}}", 'sample.intents.a: is the same as "A", which is there already'),
    ("scorers: [frustration]", 'scorers[0]: "frustration" is not known: '),
    ("scorers: [canned, canned]", "scorers[1]: is there twice: canned"),
    ("scorers: []", "scorers: must be a list of names, got []"),
    ("judge: {base_url: models.example, model: m}", 'judge.base_url: must be an address such as "https://'),
    ('judge: {base_url: "https://m.example/v1?key=1", model: m}', "judge.base_url: must be an address such as"),
    ('judge: {base_url: "https://m.example/v1"}', "judge: needs both base_url and model, or neither"),
    ("judge: {model: m}", "judge: needs both base_url and model, or neither"),
    ("judge: {usd_per_day: free}", 'judge.usd_per_day: must be an amount in USD such as "5.00", got "free"'),
    ("judge: {usd_per_day: 1, usd_per_talk: 2}", "judge.usd_per_talk: is above usd_per_day"),
    ("judge: {anchors: 19}", "judge.anchors: must be a whole number from 20 to 1000, got 19"),
    ("alarm: {arl_days: 0}", "alarm.arl_days: must be a whole number from 30 to 36500, got 0"),
    ("alarm: {min_n_day: true}", "alarm.min_n_day: must be a whole number from 1 to 1000000, got true"),
    ("autonomy: {margin: 0}", "autonomy.margin: must be above 0 and at most 0.5, got 0"),
    ("autonomy: {margin: -0.05}", "autonomy.margin: must be above 0 and at most 0.5, got -0.05"),
    ("autonomy: {alpha: 0.21}", "autonomy.alpha: must be above 0 and at most 0.2, got 0.21"),
    ("autonomy: {ladder: [0.5, 0.2]}", "autonomy.ladder[1]: must be above the share before it (0.5)"),
    ("autonomy: {ladder: [0.2, 0.2]}", "autonomy.ladder[1]: must be above the share before it (0.2)"),
    ("autonomy: {ladder: [0.2, 0.96]}", "autonomy.ladder[1]: must be above 0 and at most 0.95, got 0.96"),
    ("autonomy: {ladder: [0, 0.5]}", "autonomy.ladder[0]: must be above 0 and at most 0.95, got 0"),
    ("autonomy: {ladder: 0.5}", "autonomy.ladder: must be a list of shares such as [0.2, 0.5, 0.9], got 0.5"),
    ("autonomy: {outcome: csat}", 'autonomy.outcome: must be verified, got "csat"'),
    ("autonomy: {fall_margin: seen}", 'autonomy.fall_margin: must be shown or a number, got "seen"'),
    ("autonomy: {fall_margin: 0.06}", "autonomy.fall_margin: is above margin (0.05): write at most that, or shown"),
    ("autonomy: {auto_up: yes}", 'autonomy.auto_up: must be true or false, got "yes"'),
    ("model_gate: {on: name}", 'model_gate.on: must be served or fingerprint, got "name"'),
    ("model_gate: {golden: null}", "model_gate.golden: must be text, got null"),
    ("model_gate: {trials: 0}", "model_gate.trials: must be a whole number from 1 to 100, got 0"),
]


@pytest.mark.parametrize(("text", "mistake"), BROKEN)
def test_a_mistake_is_one_line_with_file_and_path(tmp_path: Path, text: str, mistake: str) -> None:
    with pytest.raises(PolicyErrors) as refused:
        load_bundle(written(tmp_path, quality=text))
    (line,) = str(refused.value).splitlines()
    assert line.startswith(f"{tmp_path}/quality.yaml: {mistake}")


ALONE = ("the same as", "is there twice", "needs both", "above usd_per_day", "the share before", "above margin")


@pytest.mark.parametrize("text", [text for text, mistake in BROKEN if not any(words in mistake for words in ALONE)])
def test_the_schema_refuses_what_it_can_see(text: str) -> None:
    value = plain(yaml12.read("quality.yaml", text)[0])
    assert not Draft7Validator(json_schema.of("quality")).is_valid(json.loads(json.dumps(value)))
