"""Signed control records and answers in the fold: whose count, which come again, and what becomes of the rest."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from handrail.policies import Bundle
from handrail.schemas.signature import sign_record
from handrail.schemas.topics import ALERTS, DEADLETTERS
from handrail.streams.governor import trust
from handrail.streams.governor.batch import UnknownBundle
from handrail.streams.governor.partition import PartitionFold
from handrail.streams.governor.replay import shown
from handrail.streams.governor.snapshot import snapshot_data
from tests.bundles import REFUNDS, bundle, refunds
from tests.keys import key
from tests.log import Log

ALL = ["decisions", "controls", "resolutions"]


class Signed:
    """A partition's log with control records that are signed, and the fold over it, record by record."""

    def __init__(self, *bundles: Bundle, partition: int = 0) -> None:
        self.rules = bundles or (refunds(),)
        self.fold = PartitionFold(partition, None, {rules.ruleset: rules for rules in self.rules})
        self.log, self.seq, self.partition = Log(), 0, partition

    def put(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Fold an event; what comes of it."""
        self.log.append(event)
        record = replace(self.log.records[-1], partition=self.partition)
        return [shown(output) | {"topic": output.topic} for output in self.fold.fold([record]).outputs]

    def control(self, name: str, by: str | None = "governor", **data: Any) -> dict[str, Any]:
        """The next control record of an issuer, signed unless `by` is None."""
        self.seq += 1
        fields = {"issuer": "/handrail/worker/1", "partition": self.partition, "seq": self.seq, **data}
        event = Log().control(name, id=f"c{self.seq}", **fields)
        return event if by is None else sign_record(key(by), event)

    def begins(self, by: str | None = "governor", rules: Bundle | None = None, brings: str | None = "governor") -> Any:
        """The first activation, with the key that comes with it."""
        keys = {} if brings is None else {"keys": [{"public": key(brings).public.line, "uses": ALL}]}
        event = self.control("policies.activated", by, ruleset=(rules or self.rules[0]).ruleset, **keys)
        return self.put(event)

    def human(self, by: str | None = "governor", **data: Any) -> list[dict[str, Any]]:
        """From here on the agent may do nothing by itself."""
        return self.put(self.control("agent.mode", by, agent_id="refunds", mode="human", **data))

    def asks(self) -> str:
        """The verdict on a small refund."""
        self.log.proposes("refund", amount=1, order_id=len(self.log.records))
        record = replace(self.log.records[-1], partition=self.partition)
        (output,) = [output for output in self.fold.fold([record]).outputs if b"handrail.decision.v1" in output.value]
        verdict: str = orjson.loads(output.value)["data"]["verdict"]
        return verdict


def refused(outputs: list[dict[str, Any]]) -> str:
    """The reason of a refusal: one dead letter and one `bypass` alert, and nothing else."""
    letter, alert = outputs
    assert (letter["topic"], alert["topic"]) == (DEADLETTERS, ALERTS)
    assert (alert["data"]["kind"], alert["data"]["severity"]) == ("bypass", "high")
    assert alert["data"]["evidence"]["reason"] == letter["data"]["reason"]
    reason: str = letter["data"]["reason"]
    return reason


def test_the_first_activation_brings_the_key_and_from_then_on_it_counts() -> None:
    signed = Signed()
    assert signed.begins() == []
    assert signed.asks() == "allow"
    assert "signature: is missing" in refused(signed.human(by=None))
    assert signed.asks() == "allow"
    assert "may not sign controls here" in refused(signed.human(by="mallory"))
    assert signed.asks() == "allow"
    assert signed.human() == []
    assert signed.asks() != "allow"


def test_a_first_activation_has_to_be_signed_with_the_key_that_it_brings() -> None:
    signed = Signed()
    assert "may not sign controls here" in refused(signed.begins(by="mallory"))
    assert "is missing" in refused(signed.begins(by=None))
    assert signed.fold.ruleset == ""
    assert signed.begins() == []
    assert signed.fold.keys.keys() == {key().id}


def test_without_any_key_everything_counts_and_a_key_can_be_brought_later() -> None:
    """A log that was begun by workers without a key."""
    signed = Signed()
    assert signed.begins(by=None, brings=None) == []
    assert signed.human(by=None) == []
    assert signed.begins() == []
    assert "is missing" in refused(signed.human(by=None))


def test_a_record_counts_in_its_own_partition_only() -> None:
    signed = Signed(partition=3)
    assert signed.begins() == []
    assert "data.partition: must be 3" in refused(signed.human(partition=2))
    assert signed.human() == []


def test_what_was_written_before_changes_nothing_when_it_comes_again() -> None:
    signed = Signed()
    signed.begins()
    old = signed.control("agent.mode", agent_id="refunds", mode="ai")
    assert signed.put(old) == []
    assert signed.put(old) == []  # a produce that was tried twice
    assert signed.human() == []
    assert "was written again" in refused(signed.put(old))
    assert signed.asks() != "allow"


def test_numbers_of_issuers_that_were_forgotten_do_not_count_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "ISSUERS_MAX", 3)
    signed = Signed()
    signed.begins()
    old = signed.control("agent.mode", agent_id="refunds", mode="ai", issuer="/old", seq=100)
    assert signed.put(old) == []
    for number in range(4):
        assert signed.human(issuer=f"/new/{number}", seq=200 + number) == []
    assert len(signed.fold._state.sequences) == 3
    assert "is not above" in refused(signed.put(old))
    assert signed.fold.sequence_floor >= 100


def test_an_activation_of_an_unknown_bundle_stops_nobody_unless_it_counts() -> None:
    signed = Signed()
    signed.begins()
    unknown = "sha256:" + "0" * 64
    assert "may not sign" in refused(signed.put(signed.control("policies.activated", "mallory", ruleset=unknown)))
    with pytest.raises(UnknownBundle):
        signed.put(signed.control("policies.activated", ruleset=unknown))


def keys_file(**uses: list[str]) -> str:
    """A keys.yaml of keys by their names."""
    lines = [f"  {name}: {{public: {key(name).public.line}, uses: [{', '.join(use)}]}}" for name, use in uses.items()]
    return "\n".join(["keys:", *lines, ""])


def test_keys_of_the_bundle_replace_those_that_came_first() -> None:
    """The rotation of a key: both in keys.yaml, then the new one alone."""
    plain = refunds()
    both = bundle(keys=keys_file(governor=["decisions", "controls"], new=["decisions", "controls"]))
    after = bundle(keys=keys_file(new=["decisions", "controls"]))
    signed = Signed(plain, both, after)
    signed.begins()
    assert "may not sign" in refused(signed.put(signed.control("policies.activated", "new", ruleset=both.ruleset)))
    assert signed.put(signed.control("policies.activated", ruleset=both.ruleset)) == []
    assert signed.human(by="new") == []
    assert signed.put(signed.control("policies.activated", "new", ruleset=after.ruleset)) == []
    assert "may not sign" in refused(signed.human(by="governor"))
    assert signed.fold.keys.keys() == {key("new").id}


def test_a_bundle_with_keys_begins_a_partition_by_one_of_them() -> None:
    rules = bundle(keys=keys_file(governor=["decisions", "controls"]))
    signed = Signed(rules)
    assert "may not sign" in refused(signed.begins(by="mallory", brings="mallory"))
    assert signed.begins(brings=None) == []


def waits(signed: Signed) -> dict[str, Any]:
    """A refund waits for a person; its handoff."""
    signed.log.proposes("refund", amount=300)
    outputs = [shown(output) for output in signed.fold.fold([signed.log.records[-1]]).outputs]
    handoff: dict[str, Any] = next(event["data"] for event in outputs if event["type"] == "handrail.handoff.v1")
    return handoff


def copy(signed: Signed, handoff: dict[str, Any], answer_by: str | None, copied_by: str | None = "governor") -> Any:
    """A worker's copy of an approval that is signed by `answer_by`."""
    answer: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"r{signed.seq}",
        "source": "/desk",
        "type": "handrail.resolution.v1",
        "subject": handoff["conversation_id"],
        "data": {
            "handoff_id": handoff["handoff_id"],
            "conversation_id": handoff["conversation_id"],
            "outcome": "approved",
            "by": {"id": "ana"},
            "at": "2026-11-23T10:20:00Z",
        },
    }
    if answer_by is not None:
        answer = sign_record(key(answer_by), answer)
    copied = {name: answer[name] for name in ("type", "source", "id")} | {"resolution": answer["data"]}
    event = signed.control("resolution", None) | {"subject": handoff["conversation_id"]}
    event["data"] = {**event["data"], **copied}
    return event if copied_by is None else sign_record(key(copied_by), event)


def verdicts(outputs: list[dict[str, Any]]) -> list[str]:
    return [output["data"]["verdict"] for output in outputs if output["type"] == "handrail.decision.v1"]


def asking(resolutions: bool) -> Signed:
    uses = {"governor": ["decisions", "controls"]} | ({"desk": ["resolutions"]} if resolutions else {})
    signed = Signed(bundle(refunds=REFUNDS, keys=keys_file(**uses)))
    assert signed.begins(brings=None) == []
    return signed


def test_answers_have_to_be_signed_where_keys_are_named_for_them() -> None:
    signed = asking(resolutions=True)
    handoff = waits(signed)
    assert "is missing" in refused(signed.put(copy(signed, handoff, None)))
    assert "may not sign resolutions" in refused(signed.put(copy(signed, handoff, "governor")))
    forged = copy(signed, handoff, "desk", None)
    forged["data"]["resolution"]["by"] = {"id": "eve"}
    assert "signature is wrong" in refused(signed.put(sign_record(key(), forged)))
    assert "is missing" in refused(signed.put(copy(signed, handoff, "desk", None)))
    assert verdicts(signed.put(copy(signed, handoff, "desk"))) == ["allow"]


def test_answers_may_be_unsigned_where_no_key_is_named_for_them() -> None:
    signed = asking(resolutions=False)
    assert verdicts(signed.put(copy(signed, waits(signed), None))) == ["allow"]
    assert verdicts(signed.put(copy(signed, waits(signed), "stranger"))) == ["allow"]


def test_an_answer_that_is_signed_by_a_known_key_has_to_be_right() -> None:
    signed = Signed()
    signed.begins()
    handoff = waits(signed)
    forged = copy(signed, handoff, "governor", None)
    forged["data"]["resolution"]["outcome"] = "denied"
    assert "signature is wrong" in refused(signed.put(sign_record(key(), forged)))
    assert verdicts(signed.put(copy(signed, handoff, "governor"))) == ["allow"]


def test_a_copy_may_come_again_with_a_lower_number() -> None:
    """Two workers copied it, one of them late: it repeats by its own identity, and must never be lost."""
    signed = Signed()
    signed.begins()
    handoff = waits(signed)
    once, again = copy(signed, handoff, None), copy(signed, handoff, None)
    assert verdicts(signed.put(again)) == ["allow"]
    assert signed.put(once) == []


def test_a_replay_takes_control_records_unsigned() -> None:
    rules = refunds()
    fold = PartitionFold(0, None, {rules.ruleset: rules}, rules.ruleset, checked=False)
    log = Log()
    log.control("policies.activated", ruleset=rules.ruleset, keys=[{"public": key().public.line, "uses": ALL}])
    log.control("agent.mode", agent_id="refunds", mode="human")
    assert fold.fold(log.records).outputs == []
    assert fold._state.modes


def test_what_is_trusted_survives_a_recovery_and_a_snapshot() -> None:
    signed = Signed()
    signed.begins()
    signed.human()
    again = PartitionFold(0, None, signed.fold.bundles)
    write = signed.fold.fold([]).partition_state
    assert write is not None
    again.load(write.key, write.value, write.position)
    again.recovered()
    begun = PartitionFold(0, None, signed.fold.bundles)
    state = signed.fold._state
    begun.begin(orjson.loads(orjson.dumps(snapshot_data(state))))
    for fold in (again, begun):
        assert fold.keys == signed.fold.keys
        assert fold._state.sequences == state.sequences


def test_a_key_that_cannot_be_read_is_refused_by_the_contract() -> None:
    signed = Signed()
    event = signed.control("policies.activated", ruleset=signed.rules[0].ruleset, keys=[{"public": "x", "uses": ALL}])
    (letter,) = signed.put(event)
    assert letter["topic"] == DEADLETTERS
    assert "data.keys.0.public" in letter["data"]["reason"]
