"""`keys.yaml`: whose signatures count, and one line for each mistake."""

import pytest

from handrail.policies.keys import trusted
from handrail.schemas.errors import PolicyErrors
from tests.bundles import bundle
from tests.keys import key

LINE = key().public.line


def test_keys_are_known_by_their_ids_and_uses() -> None:
    keys = bundle(keys=f"keys: {{governor: {{public: {LINE} a name, uses: [decisions, controls]}}}}").keys
    assert trusted(keys, "decisions") == {key().id: key().public}
    assert trusted(keys, "resolutions") == {}
    assert bundle().keys == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("keys: {}", ["keys: no key may sign decisions or controls"]),
        (f"keys: {{a: {{public: {LINE}, uses: [decisions]}}}}", ["keys: no key may sign controls"]),
        ("keys: {a: 7}", ["keys.a: must be a mapping"]),
        ("keys: {a: {public: ssh-rsa AAAA, uses: [fly]}}", ["keys.a.uses[0]: must be decisions"]),
        ("keys: {a: {public: 7, uses: controls}}", ["keys.a.public: must be text"]),
        (
            f"keys: {{a: {{public: {LINE}, uses: [decisions, controls]}}, b: {{public: {LINE}, uses: [controls]}}}}",
            ["keys.b.public: is there under another name too"],
        ),
        (
            f"keys: {{a: {{pubic: {LINE}, uses: [controls]}}}}",
            ["keys.a.pubic: is not known", "keys.a.public: is missing"],
        ),
    ],
)
def test_each_mistake_is_one_line(text: str, said: list[str]) -> None:
    with pytest.raises(PolicyErrors) as error:
        bundle(keys=text)
    found = sorted(f"{one.path}: {one.reason}" for one in error.value.mistakes)
    assert len(found) == len(said), found
    assert all(line.startswith(start) for line, start in zip(found, said, strict=True)), found
