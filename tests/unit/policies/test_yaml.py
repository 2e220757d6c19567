"""YAML as policies read it: 1.2 core, so that no word turns into something else."""

from decimal import Decimal
from typing import Any

import pytest

from handrail.policies.yaml12 import NESTING_MAX, read

WORDS = ["no", "yes", "on", "off", "No", "NO", "y", "1:30", "2026-11-23", "1_000", "0b1", "=", "<<"]


@pytest.mark.parametrize("text", WORDS)
def test_words_of_older_yaml_stay_text(text: str) -> None:
    value, mistakes = read("file.yaml", f"value: {text}")
    assert (value, mistakes.entries) == ({"value": text}, [])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("100", 100),
        ("-7", -7),
        ("0", 0),
        ("0.1", Decimal("0.1")),
        ("1e3", Decimal("1E+3")),
        (".5", Decimal("0.5")),
        ("0x1F", 31),
        ("0o17", 15),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("'no'", "no"),
        ('"0500"', "0500"),
        ("'1'", "1"),
    ],
)
def test_plain_values_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    document, mistakes = read("file.yaml", f"value: {text}")
    assert (document, mistakes.entries) == ({"value": value}, [])
    assert type(document["value"]) is type(value)


@pytest.mark.parametrize("text", ["0500", "-010", "00", "+01", "01.5"])
def test_a_number_with_a_leading_zero_is_refused(text: str) -> None:
    _, mistakes = read("file.yaml", f"value: {text}")
    assert [path for _, path, _ in mistakes.entries] == ["value"]


def test_keys_are_always_text_and_never_merged() -> None:
    assert read("file.yaml", "{1: a, true: b, <<: c, ~: d}")[0] == {"1": "a", "true": "b", "<<": "c", "~": "d"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "stands twice, again on line 2: remove one"),
        ("a: &x 1", "has the anchor &x: write the value out where it is needed"),
        ("a: !!python/object:os.system x", "has the tag tag:yaml.org,2002:python/object:os.system: remove it"),
        ("a: 1\n---\nb: 2", "a second document begins: one file holds one document"),
        ("? [a, b]\n: 1", "a key must be text"),
        ("", "is empty: write a policy, or remove the file"),
        ("a: .nan", "must be a finite number, got .nan"),
        ("[" * (NESTING_MAX + 2), f"is nested deeper than {NESTING_MAX}: write it flatter"),
        ("a: b: c", "is not YAML: mapping values are not allowed in this context"),
        ("a: \x00", "is not YAML"),
    ],
)
def test_what_two_readers_could_take_differently_is_refused(text: str, said: str) -> None:
    _, mistakes = read("file.yaml", text)
    assert any(said in reason for _, _, reason in mistakes.entries)
