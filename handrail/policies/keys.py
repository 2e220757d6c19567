"""`keys.yaml`: whose signatures count. Without it, those of the key that came with a partition's first activation.

keys:
  governor-2026: {public: ssh-ed25519 AAAA…, uses: [decisions, controls]}
  desk: {public: ssh-ed25519 AAAA…, uses: [resolutions]}
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from handrail.policies.mistakes import Mistakes, listed
from handrail.policies.shape import at, choice, known_keys, mapping, named_once, required, texts
from handrail.schemas.errors import ConfigError
from handrail.schemas.keys import USES, PublicKey, public_of

KEYS_MAX = 100
NEEDED = ("decisions", "controls")  # without one of these nothing could be decided, or changed, ever again
_EXAMPLE = "{governor: {public: ssh-ed25519 AAAA…, uses: [decisions, controls]}}"


class Trusted(NamedTuple):
    """A public key, and what it may sign."""

    key: PublicKey
    uses: tuple[str, ...]


def read_keys(value: Any, mistakes: Mistakes) -> dict[str, Trusted]:
    """The keys of a parsed file, by their ids."""
    root = mapping(value, "", mistakes, f"keys: {_EXAMPLE}")
    known_keys(root, "", ("keys",), mistakes)
    named = mapping(root.get("keys"), "keys", mistakes, _EXAMPLE)
    if len(named) > KEYS_MAX:
        mistakes.add("keys", f"has {len(named)} keys: write at most {KEYS_MAX}")
        return {}
    named_once(named, "keys", mistakes)
    keys: dict[str, Trusted] = {}
    read = {at("keys", name): _entry(settings, at("keys", name), mistakes) for name, settings in named.items()}
    for path, entry in read.items():
        if entry is not None and keys.setdefault(entry.key.id, entry) is not entry:
            mistakes.add(at(path, "public"), "is there under another name too: write each key once")
    missing = [use for use in NEEDED if not any(use in entry.uses for entry in keys.values())]
    if missing and None not in read.values():
        uses = ", ".join(NEEDED)
        mistakes.add("keys", f"no key may sign {listed(missing)}: name the workers' key with uses: [{uses}]")
    return keys


def trusted(keys: Mapping[str, Trusted], use: str) -> dict[str, PublicKey]:
    """The keys that may sign this."""
    return {key_id: entry.key for key_id, entry in keys.items() if use in entry.uses}


def _entry(value: Any, path: str, mistakes: Mistakes) -> Trusted | None:
    settings = mapping(value, path, mistakes, "{public: ssh-ed25519 AAAA…, uses: [decisions, controls]}")
    if not isinstance(value, dict):
        return None
    known_keys(settings, path, ("public", "uses"), mistakes)
    line = required(settings, path, "public", "the line of `handrail keys show`", mistakes)
    uses = texts(required(settings, path, "uses", f"a list of {listed(USES)}", mistakes), at(path, "uses"), mistakes)
    right = [choice(use, f"{at(path, 'uses')}[{index}]", USES, mistakes) for index, use in enumerate(uses)]
    if not isinstance(line, str) or None in right:
        if line is not None and not isinstance(line, str):
            mistakes.add(at(path, "public"), "must be text: ssh-ed25519 AAAA…")
        return None
    try:
        return Trusted(public_of(line), uses)
    except ConfigError as error:
        mistakes.add(at(path, "public"), str(error))
        return None
