"""The chain of a conversation's decisions: each carries a digest over all before it, so that none can go unnoticed.

With D(0) of 32 zero bytes, and data(k) the `data` of the k-th decision without its last field, `signature`:

    D(k) = SHA-256(D(k-1) || data(k))

data(k) is compact JSON in UTF-8, its fields in the order in which the record has them: the bytes of the record itself,
and what a JSON library that keeps the order makes of it again. (Canonical JSON, which would sort it, costs the fold a
tenth of its time; docs/decisions/0011-decision-chain.md.)

A decision carries `{since, before, digest}`: the log offset at which its conversation began, how many decisions came
before, and D of them. A decision on a repeated event (`repeat: true`) is no link: it carries what the next one will.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

START = bytes(32)


def extend(digest: bytes, data: bytes) -> bytes:
    """D of the decisions so far and the one whose data, without `signature`, has these bytes."""
    return sha256(digest + data).digest()


def linked(data: Mapping[str, Any]) -> bytes:
    """The bytes of a decision's `data` that its link covers."""
    return orjson.dumps({name: value for name, value in data.items() if name != "signature"})
