"""JSON Schema of each kind of file, for editors and other programs: made from the tables that the readers use.

What a schema cannot say is the reader's alone: ids used twice, patterns, templates, topics of the routing file. So what
a reader takes is valid, and what is valid may still be refused: `handrail policy check` has the last word.
"""

from collections.abc import Callable
from typing import Any

from handrail.policies.json_schema.case import cases
from handrail.policies.json_schema.lexicon import lexicon
from handrail.policies.json_schema.parts import DRAFT, Schema
from handrail.policies.json_schema.policy import policy
from handrail.policies.json_schema.quality import quality
from handrail.policies.json_schema.settings import agents, keys, limits, prices, routing, tools

KINDS: dict[str, Callable[[], Schema]] = {
    "policy": policy,
    "limits": limits,
    "routing": routing,
    "tools": tools,
    "agents": agents,
    "keys": keys,
    "prices": prices,
    "lexicon": lexicon,
    "quality": quality,
    "cases": cases,
}
"""What makes the schema of each kind; `policy` is every file that is none of the others."""


def of(kind: str) -> dict[str, Any]:
    """The schema of files of one of the KINDS."""
    return {"$schema": DRAFT, "$id": f"urn:handrail:policies:{kind}", **KINDS[kind]()}
