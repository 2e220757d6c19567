"""Whose control records and answers count in a partition: the keys of its bundle, else those that came first.

Where neither names a key nothing is signed, and everything counts, as it does where a file is replayed.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from handrail.policies import Bundle
from handrail.policies.keys import Trusted
from handrail.schemas.errors import SchemaError
from handrail.schemas.event_types import AGENT_SUPERVISED
from handrail.schemas.keys import public_of
from handrail.schemas.signature import record_refused
from handrail.streams.governor.state import PartitionState

ISSUERS_MAX = 500  # whose last number is remembered; of one that leaves, the number stays as the least for a new one

Keys = Mapping[str, Trusted]


def keys_of(state: PartitionState, bundle: Bundle) -> Keys:
    """The keys that count now, by their ids."""
    return bundle.keys or _parsed(tuple((line, tuple(uses)) for line, uses in state.keys))


def activation_keys(data: Mapping[str, Any]) -> Keys:
    """The keys that an activation brings along. Raises SchemaError."""
    return _parsed(tuple((key["public"], tuple(key["uses"])) for key in data.get("keys") or ()))


def with_activation_keys(state: PartitionState, data: Mapping[str, Any]) -> None:
    """From here on these keys count, where the bundle names none."""
    if given := data.get("keys"):
        state.keys = [(key["public"], list(key["uses"])) for key in given]


def check(keys: Keys, raw: Mapping[str, Any], partition: int) -> None:
    """A control record for this partition. Raises SchemaError where it is not signed by who may."""
    data = raw["data"]
    if data.get("partition") != partition:
        raise SchemaError(f"data.partition: must be {partition}, where the record lies: sign one for each partition")
    # A supervision only restricts, so a key for decisions may sign it too.
    _signed(keys, ("controls", "decisions") if raw["type"] == AGENT_SUPERVISED else ("controls",), raw)
    if data.get("seq") is None or data.get("issuer") is None:
        raise SchemaError("data.seq: is missing: number the control records of an issuer")


def check_answer(keys: Keys, copied: Mapping[str, Any], subject: str, required: bool) -> None:
    """The answer of a person inside its copy. Raises SchemaError where it has to be signed, or wrongly is.

    Without `required` an answer without a signature counts, and so does one of a key that nobody knows.
    """
    answer = copied["resolution"]
    if not required and (answer.get("signature") is None or answer.get("key_id") not in keys):
        return
    event = {name: copied[name] for name in ("source", "id", "type")} | {"subject": subject, "data": answer}
    _signed(keys, ("resolutions",), event)


def fresh(state: PartitionState, data: Mapping[str, Any]) -> bool:
    """Note the sequence number of a signed control record; False where it repeats the issuer's last one.

    Raises SchemaError where it is older: an old record was written again.
    """
    issuer, seq = data["issuer"], data["seq"]
    last = state.sequences.get(issuer, state.sequence_floor)
    if seq < last or (seq == last and issuer not in state.sequences):
        raise SchemaError(f"data.seq: {seq} is not above {last}, the last one of {issuer!r}: it was written again")
    if seq == last:  # a produce that was tried twice
        return False
    sequences = {name: number for name, number in state.sequences.items() if name != issuer} | {issuer: seq}
    while len(sequences) > ISSUERS_MAX:
        state.sequence_floor = max(state.sequence_floor, sequences.pop(next(iter(sequences))))
    state.sequences = sequences
    return True


def _signed(keys: Keys, uses: Sequence[str], event: Mapping[str, Any]) -> None:
    data = event["data"]
    key_id = data.get("key_id")
    if data.get("signature") is None or key_id is None:
        raise SchemaError(f"data.signature: is missing: {event['type']} has to be signed here: see `handrail keys`")
    trusted = keys.get(key_id)
    if trusted is None or not any(use in trusted.uses for use in uses):
        raise SchemaError(f"data.key_id: {key_id!r} may not sign {uses[0]} here: add it to keys.yaml")
    if (why := record_refused(event, trusted.key)) is not None:
        raise SchemaError(f"data.signature: {why}")


@lru_cache(64)
def _parsed(lines: tuple[tuple[str, tuple[str, ...]], ...]) -> Keys:
    keys = [Trusted(public_of(line), uses) for line, uses in lines]
    return {trusted.key.id: trusted for trusted in keys}
