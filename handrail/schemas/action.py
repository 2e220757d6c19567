"""What one action is: the one spelling of its tool, and the digest that binds a decision to it and to nothing else."""

from functools import lru_cache
from hashlib import sha256
from unicodedata import normalize

import orjson

CACHED_NAME_CHARACTERS_MAX = 256
RESPONSE = "response"
"""The tool of an answer to the customer: its only argument is `text`."""


def canonical_tool(name: str) -> str:
    """The one spelling of a tool's name: NFKC, trimmed, case-folded, `-` and space as `_`."""
    if len(name) > CACHED_NAME_CHARACTERS_MAX:  # long names come from nobody honest: they must not fill the cache
        return _canonical(name)
    return _cached_canonical(name)


def _canonical(name: str) -> str:
    # Case folding can undo the normal form (and the normal form the folding), so both go on until nothing changes.
    for _ in range(4):
        folded = normalize("NFKC", normalize("NFKC", name).casefold()).strip().replace("-", "_").replace(" ", "_")
        if folded == name:
            break
        name = folded
    return name


_cached_canonical = lru_cache(4096)(_canonical)


def action_digest(
    *, tenant: str, agent_id: str, conversation_id: str, execution_id: str, action_id: str, tool: str, arguments: bytes
) -> str:
    """Lower-case hex SHA-256 over where the action is, and what; `tool` and `arguments` are canonical."""
    named = {
        "action_id": action_id,
        "agent_id": agent_id,
        "arguments": orjson.Fragment(arguments),
        "conversation_id": conversation_id,
        "execution_id": execution_id,
        "tenant": tenant,
        "tool": tool,
    }
    return sha256(orjson.dumps(named)).hexdigest()
