"""Signatures on decisions, control records and bundles: what holds, and what no longer does."""

import json
from typing import Any

import orjson
import pytest

from handrail.schemas import signature
from handrail.schemas.decode import decode_output
from handrail.schemas.errors import ConfigError
from handrail.schemas.keys import PublicKey, SigningKey, public_of
from tests.keys import key
from tests.log import Log

KEYS = {key().id: key().public}


def decisions(count: int = 5) -> list[bytes]:
    """Decisions as the fold gives them."""
    log = Log()
    for number in range(count):
        log.proposes("get_order", order_id=number)
    return [output.value for one in log.fold().folded for output in one.outputs if b"decision.v1" in output.value]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_decision_of_a_batch_holds_by_itself(count: int) -> None:
    plain = decisions(count)
    signed = signature.sign_batch(key(), plain)
    assert len({orjson.loads(value)["data"]["signature"]["value"] for value in signed}) == 1
    for value, before in zip(signed, plain, strict=True):
        assert signature.decision_refused(orjson.loads(value)["data"], KEYS) is None
        assert signature.unsigned(value) == before
        assert decode_output(value).raw["data"]["signature"]["size"] == count


def test_it_holds_after_another_program_has_written_it_again() -> None:
    signed = orjson.loads(signature.sign_batch(key(), decisions())[2])
    again = json.loads(json.dumps(signed, indent=2))
    assert signature.decision_refused(again["data"], KEYS) is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda data: data.update(verdict="halt"), "it has been changed since it was signed"),
        (lambda data: data["usage"].update(steps=99), "it has been changed since it was signed"),
        (lambda data: data.update(more=1), "it has been changed since it was signed"),
        (lambda data: data["signature"].update(index=0), "it has been changed since it was signed"),
        (lambda data: data["signature"].update(root="00" * 32), "it has been changed since it was signed"),
        (lambda data: data["signature"]["path"].pop(), "it has been changed since it was signed"),
        (lambda data: data["signature"].update(key_id="0" * 16), "key '0000000000000000' is not trusted"),
        (lambda data: data["signature"].update(value="AAAA"), "its signature is wrong"),
        (lambda data: data["signature"].update(value="ä"), "its signature cannot be read"),
        (lambda data: data["signature"].update(path="no"), "its signature cannot be read"),
        (lambda data: data["signature"].update(size=True), "its signature cannot be read"),
        (lambda data: data["signature"].update(path=["00" * 32] * 40), "its signature cannot be read"),
        (lambda data: data["signature"].pop("root"), "its signature cannot be read"),
        (lambda data: data.update(signature=7), "its signature cannot be read"),
        (lambda data: data.update(signature=None), "it is not signed"),
        (lambda data: data.pop("signature"), "it is not signed"),
    ],
)
def test_what_was_changed_is_refused(change: Any, why: str) -> None:
    data = orjson.loads(signature.sign_batch(key(), decisions())[2])["data"]
    change(data)
    assert signature.decision_refused(data, KEYS) == why


def test_a_signature_of_another_kind_of_thing_is_none() -> None:
    """The owner of the key signs bundles and control records too: none of these can be shown as a decision's."""
    data = orjson.loads(signature.sign_batch(key(), decisions(1))[0])["data"]
    root = bytes.fromhex(data["signature"]["root"])
    for text in (b"", b"handrail.record.v1\n", b"handrail.bundle.v1\n"):
        data["signature"]["value"] = signature.b64encode(key().sign(text + root)).decode()
        assert signature.decision_refused(data, KEYS) == "its signature is wrong"


def test_only_a_whole_signature_at_the_end_is_taken_off() -> None:
    """What stands behind it would be read by others, who take the last of two fields of one name."""
    signed = signature.sign_batch(key(), decisions(1))[0]
    for forged in (
        signed[:-2] + b',"verdict":"allow"}}',
        signed[:-2] + b'}},"data":{}}',
        signed.replace(b'"key_id"', b'"key_id'),
        b"{}",
        b"",
    ):
        assert signature.unsigned(forged) == forged


def record(**data: Any) -> dict[str, Any]:
    """A control record that is not signed."""
    return Log().control("agent.mode", agent_id="refunds", mode="human", **data)


def test_a_record_is_bound_to_all_that_it_says() -> None:
    signed = signature.sign_record(key(), record(seq=1, partition=0))
    assert signature.record_refused(signed, key().public) is None
    assert signature.record_refused(signed, key("other").public) == "its signature is wrong"
    assert signature.record_refused(record(), key().public) == "its signature cannot be read"
    for change in ({"id": "x"}, {"source": "/x"}, {"type": "handrail.control.tick.v1"}, {"subject": "x"}):
        assert signature.record_refused({**signed, **change}, key().public) == "its signature is wrong"
    for field in ({"seq": 2}, {"partition": 1}, {"mode": "ai"}, {"more": None}):
        changed = {**signed, "data": {**signed["data"], **field}}
        assert signature.record_refused(changed, key().public) == "its signature is wrong"


def test_a_bundle_is_vouched_for_by_its_hash() -> None:
    header = signature.sign_ruleset(key(), "sha256:aa", 7)
    assert signature.ruleset_vouched(header, "sha256:aa", 7, KEYS)
    assert not signature.ruleset_vouched(header, "sha256:ab", 7, KEYS)
    assert not signature.ruleset_vouched(header, "sha256:aa", 8, KEYS)
    assert not signature.ruleset_vouched(header, "sha256:aa", 7, {})
    for wrong in (b"", b"7", b"[]", b'{"key_id":7}', header.replace(b'"value"', b'"valve"')):
        assert not signature.ruleset_vouched(wrong, "sha256:aa", 7, KEYS)


def test_keys_go_through_their_files() -> None:
    assert SigningKey.of_pem(key().pem).id == key().id
    assert public_of(f"{key().public.line} a name") == key().public
    assert key().public.id == key().id != key("other").id
    # The public key of RFC 8032, section 7.1, test 1, as `ssh-keygen` would write it.
    raw = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
    assert PublicKey(raw).line == line
    assert public_of(line).raw == raw


@pytest.mark.parametrize("line", ["", "ssh-rsa AAAA", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-ed25519 AAAA"])
def test_what_is_no_key_is_one_line(line: str) -> None:
    with pytest.raises(ConfigError, match="must be `ssh-ed25519"):
        public_of(line)
    with pytest.raises(ConfigError, match="is no Ed25519 key"):
        SigningKey.of_pem(line.encode())
