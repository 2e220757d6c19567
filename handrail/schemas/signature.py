"""Signatures on decisions, control records and what people say: over digests, so that erasing texts breaks no proof.

A decision is signed with all others of its produced batch: one Ed25519 signature over the root of a Merkle tree (RFC
6962) whose entries are the SHA-256 of each decision's `data` as chain.py takes it: without its last field, `signature`,
compact JSON in the order of the record. The field then says `{key_id, root, index, size, path, value}`: this is entry
`index` of `size`, `path` leads from it to `root`, and `value` is the signature of `handrail.decisions.v1` and the root.

A control record and a resolution are signed alone: `signature` in their data is that of `handrail.record.v1` and the
SHA-256 of the canonical JSON (RFC 8785) of `{source, id, type, subject, data}`, data without `signature`.
"""

from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

import orjson

from handrail.schemas import chain, merkle
from handrail.schemas.canonical import canonical
from handrail.schemas.keys import PublicKey, SigningKey

FIELD = b',"signature":'
UNSIGNED = FIELD + b"null}}"
"""How a decision ends as the fold gives it: its field `signature`, its data, its record."""
SHA256_HEX = 64
PATH_MAX = 32  # of a tree with more decisions than a produce batch can hold

_BATCH, _RECORD = b"handrail.decisions.v1\n", b"handrail.record.v1\n"
_ENVELOPE = ("source", "id", "type", "subject")
_DATA = b',"data":'


def sign_batch(key: SigningKey, values: Sequence[bytes]) -> list[bytes]:
    """These decisions, unsigned records as the fold gives them, each with its signature."""
    if not values:
        return []
    root, paths = merkle.tree([_entry(value) for value in values])
    head = orjson.dumps({"key_id": key.id, "root": root.hex(), "size": len(values)})[:-1]
    value = b',"value":"' + b64encode(key.sign(_BATCH + root)) + b'"}}}'
    return [
        b"".join(
            (unsigned[: -len(UNSIGNED)], FIELD, head, b',"index":%d,"path":' % index, orjson.dumps(_hex(path)), value)
        )
        for index, (unsigned, path) in enumerate(zip(values, paths, strict=True))
    ]


def unsigned(value: bytes) -> bytes:
    """The decision as the fold gives it; the value itself where it is not a decision with a signature at its end."""
    head, field, tail = value.rpartition(FIELD)
    if not field or tail == b"null}}" or not tail.endswith(b"}}}"):
        return value
    try:
        signature = orjson.loads(tail[:-2])
    except orjson.JSONDecodeError:  # something else follows it
        return value
    return head + UNSIGNED if isinstance(signature, dict) else value


Holds = Callable[[PublicKey, bytes, bytes], bool]


def decision_refused(
    data: Mapping[str, Any], keys: Mapping[str, PublicKey], holds: Holds = PublicKey.holds
) -> str | None:
    """Why a decision's signature does not hold under these keys (by their ids); None where it does.

    `holds` says whether a key has signed a text: one that remembers saves most of the time for decisions of one batch.
    """
    signature = data.get("signature")
    if signature is None:
        return "it is not signed"
    try:
        key_id, root, index, size = (signature[name] for name in ("key_id", "root", "index", "size"))
        path, value = [bytes.fromhex(digest) for digest in signature["path"]], _bytes(signature["value"])
        top = bytes.fromhex(root)
    except (KeyError, TypeError, ValueError):
        return "its signature cannot be read"
    if type(index) is not int or type(size) is not int or len(path) > PATH_MAX:
        return "its signature cannot be read"
    if (key := keys.get(key_id) if isinstance(key_id, str) else None) is None:
        return f"key {str(key_id)[:SHA256_HEX]!r} is not trusted"
    if merkle.root_of(sha256(chain.linked(data)).digest(), index, size, path) != top:
        return "it has been changed since it was signed"
    return None if holds(key, value, _BATCH + top) else "its signature is wrong"


def sign_record(key: SigningKey | None, event: Mapping[str, Any]) -> dict[str, Any]:
    """A control record or a resolution with `key_id` and `signature` in its data; without a key, as it is."""
    if key is None:
        return dict(event)
    data = {**event["data"], "key_id": key.id}
    signed = {**event, "data": data}
    data["signature"] = b64encode(key.sign(_covered(signed))).decode()
    return signed


def record_refused(event: Mapping[str, Any], key: PublicKey) -> str | None:
    """Why the signature of a control record or a resolution does not hold under this key; None where it does."""
    try:
        value = _bytes(event["data"]["signature"])
    except (KeyError, TypeError, ValueError):
        return "its signature cannot be read"
    return None if key.holds(value, _covered(event)) else "its signature is wrong"


def sign_ruleset(key: SigningKey, ruleset: str, number: int) -> bytes:
    """What vouches for a published bundle: it goes into a header of its record. `number`: 0 where it is withdrawn."""
    return orjson.dumps({"key_id": key.id, "value": b64encode(key.sign(_bundle(ruleset, number))).decode()})


def ruleset_vouched(header: bytes, ruleset: str, number: int, keys: Mapping[str, PublicKey]) -> bool:
    """Whether one of these keys vouches for the bundle as the publication of that number."""
    try:
        vouch = orjson.loads(header)
        key, value = keys[vouch["key_id"]], _bytes(vouch["value"])
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return False
    return key.holds(value, _bundle(ruleset, number))


def _entry(value: bytes) -> bytes:
    """The digest of a decision's data in the record that the fold gives: the bytes that the chain covers."""
    start = value.index(_DATA) + len(_DATA)
    return sha256(value[start : -len(UNSIGNED)] + b"}").digest()


def _covered(event: Mapping[str, Any]) -> bytes:
    data = {name: value for name, value in event["data"].items() if name != "signature"}
    return _RECORD + sha256(canonical({**{name: event[name] for name in _ENVELOPE}, "data": data})).digest()


def _bundle(ruleset: str, number: int) -> bytes:
    return b"handrail.bundle.v1\n%b\n%d" % (ruleset.encode(), number)


def _hex(path: merkle.Path) -> list[str]:
    return [digest.hex() for digest in path]


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except Error as error:
        raise ValueError(text) from error
