"""Pointers, templates, mappings, signatures, positions and addresses, without a broker."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.hooks import config, endpoint, lanes, mapping, signatures, template
from handrail.hooks.address import is_public
from handrail.hooks.config import Hmac, Hook, Retry, Standard, Token, Value
from handrail.hooks.positions import METADATA_MAX, SPAN_MAX, Window
from handrail.hooks.signatures import Secrets
from handrail.schemas.errors import ConfigError, SchemaError
from tests.hooks.tickets import intercom_notification

EXAMPLES = Path(__file__).resolve().parents[2] / "handrail" / "hooks" / "examples"

# RFC 6901, section 5.
DOCUMENT = {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, 'k"l': 6, " ": 7, "m~n": 8}


@pytest.mark.parametrize(
    ("at", "expected"),
    [("", DOCUMENT), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3),
     ("/g|h", 4), ("/k\"l", 6), ("/ ", 7), ("/m~0n", 8), ("/foo/-1", "baz"), ("/foo/2", template.MISSING),
     ("/foo/01", template.MISSING), ("/foo/0/x", template.MISSING), ("/nowhere", template.MISSING)],
)  # fmt: skip
def test_a_pointer_finds_what_the_rfc_says(at: str, expected: Any) -> None:
    assert template.find(DOCUMENT, template.checked(at)) == expected


def test_a_template_is_filled_as_a_value() -> None:
    record = {"data": {"n": 3, "text": 'he said "x"} {{/data/n}}', "list": [1], "none": None}}
    filled = template.filled(
        {
            "n": "{{/data/n}}",
            "words": "it: {{/data/text}}!",
            "list": ["{{/data/list}}"],
            "none": "{{ /data/no }}",
            "x": 1,
        },
        record,
    )
    assert filled == {"n": 3, "words": 'it: he said "x"} {{/data/n}}!', "list": [[1]], "none": None, "x": 1}


def test_a_header_is_one_line_and_a_path_leads_nowhere_else() -> None:
    record = {"a": "x\r\nEvil: 1", "b": "a/b?c#d%", "up": "..", "deep": "a/../b", "empty": ""}
    assert template.header("v {{/a}}", record) == "v x  Evil: 1"
    assert template.url("https://h/{{/b}}/end?q={{/b}}", record) == "https://h/a%2Fb%3Fc%23d%25/end?q=a%2Fb%3Fc%23d%25"
    for name in ("up", "deep", "empty", "missing"):
        with pytest.raises(ValueError, match="cannot stand in a path"):
            template.url(f"https://h/x/{{{{/{name}}}}}", record)


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    """The vector of the reference libraries: standard-webhooks/standard-webhooks, libraries/python."""
    (secret,) = config.secrets_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signature = signatures.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", body)
    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("text", ["", "secret", "whsec_YWJj", "whsec_!", "\n".join(["whsec_" + "YWJj" * 8] * 4)])
def test_a_weak_secret_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="openssl rand"):
        config.secrets_of(text)


SECRETS = Secrets([b"old" * 10, b"new" * 10])
BODY = b'{"a": 1}'


def test_a_standard_webhook_is_believed_with_either_secret_and_in_time() -> None:
    how = Standard(kind="standard", secret_file=Path("s"))
    for secret in SECRETS.values:
        headers = signatures.headers([secret], "msg_1", 1000, BODY)
        assert signatures.rejection(how, SECRETS, headers, BODY, 1200) is None
        assert signatures.rejection(how, SECRETS, headers, BODY, 1301) is not None
        assert signatures.rejection(how, SECRETS, headers, BODY + b" ", 1000) == signatures.NO
        assert signatures.rejection(how, SECRETS, {**headers, "webhook-id": "msg_2"}, BODY, 1000) == signatures.NO
    assert signatures.rejection(how, SECRETS, {}, BODY, 1000) is not None
    assert (
        signatures.rejection(how, SECRETS, {**signatures.headers([b"x" * 24], "m", 1000, BODY)}, BODY, 1000)
        == signatures.NO
    )


def test_a_token_is_compared_whole() -> None:
    how = Token(kind="token", secret_file=Path("s"))
    for said, refused in (
        ("Bearer " + "old" * 10, False),
        ("old" * 10, True),
        ("", True),
        ("Bearer ", True),
        ("é", True),
    ):
        assert bool(signatures.rejection(how, SECRETS, {"authorization": said}, b"", 0)) is refused


def test_an_hmac_without_its_time_is_refused() -> None:
    how = Hmac(kind="hmac", secret_file=Path("s"), header="X-Sig", timestamp_header="X-At", between=".")
    signed = signatures._signed(how, b"old" * 10, b"1000." + BODY).decode()
    assert signatures.rejection(how, SECRETS, {"x-sig": signed, "x-at": "1000"}, BODY, 1001) is None
    assert signatures.rejection(how, SECRETS, {"x-sig": signed, "x-at": "1001"}, BODY, 1001) == signatures.NO
    assert signatures.rejection(how, SECRETS, {"x-sig": signed}, BODY, 1001) is not None


@pytest.mark.parametrize(
    ("how", "expected"),
    [({"at": "/n"}, "7"), ({"at": "/n", "is": "number"}, 7), ({"at": "/s", "is": "time"}, "2026-11-23T10:15:02.000Z"),
     ({"at": "/unix", "is": "time"}, "1970-01-01T00:16:40.000Z"), ({"at": "/no"}, None),
     ({"at": "/no", "default": "d"}, "d"),
     ({"at": "/three", "part": 0, "of": 3}, "a"), ({"at": "/three", "part": 1, "of": 3}, None),
     ({"at": "/three", "part": 2, "of": 3}, "c d"), ({"at": "/n", "map": {"7": "resolved"}}, "resolved"),
     ({"at": "/n", "map": {"8": "x"}, "default": "other"}, "other"), ({"at": "/yes", "is": "boolean"}, True),
     ({"at": "/html", "is": "plain"}, "Tom & Ann\nok"), ({"at": "/n", "is": "list"}, [7]), ({"value": "x"}, "x")],
)  # fmt: skip
def test_a_field_is_mapped(how: dict[str, Any], expected: Any) -> None:
    body = {"n": 7, "s": "2026-11-23T11:15:02+01:00", "unix": 1000, "three": "a  c d", "yes": "Yes"}
    body["html"] = "<p>Tom &amp; <b>Ann</b></p><p>ok</p>"
    assert mapping.value(Value.model_validate(how), body) == expected


def test_the_same_delivery_is_the_same_record_whatever_else_its_body_says() -> None:
    (source,) = config.load(EXAMPLES / "intercom.yaml").sources
    handoff = {"handoff_id": "hf-again", "conversation_id": "again", "pending": None}
    first, second, other = (
        mapping.event(
            source, {**intercom_notification("conversation.admin.noted", handoff, "<p>#return x</p>", n), **more}
        )
        for n, more in ((1, {}), (2, {}), (1, {"id": "notif_2"}))
    )
    assert first == second
    assert first is not None
    assert other is not None
    assert first["id"] != other["id"]
    assert first["data"]["outcome"] == "returned"


def test_a_body_without_what_the_contract_needs_is_refused() -> None:
    (source,) = config.load(EXAMPLES / "intercom.yaml").sources
    handoff = {"handoff_id": "hf-1", "conversation_id": "c", "pending": None}
    body = intercom_notification("conversation.admin.noted", handoff, "<p>#return</p>")
    for field in ("created_at", "id"):
        with pytest.raises(SchemaError):
            mapping.event(source, {name: one for name, one in body.items() if name != field})


@given(st.lists(st.integers(0, 60), unique=True), st.integers(0, 60))
def test_a_position_never_passes_what_is_not_settled(settled: list[int], first: int) -> None:
    window = Window(first)
    for offset in range(first, 61):
        assert window.see(offset)
    for offset in settled:
        window.settle(offset)
    left = [offset for offset in range(first, 61) if offset not in settled]
    assert window.position == (left[0] if left else 61)
    again = Window(window.position, window.metadata())
    assert [offset for offset in range(window.position, 61) if again.see(offset)] == left


def test_gaps_in_the_log_are_settled_and_a_full_window_fits_into_a_commit() -> None:
    window = Window(0)
    assert window.see(1_000_000)
    assert window.position == 1_000_000
    for offset in range(1_000_001, 1_000_000 + SPAN_MAX):
        assert window.see(offset)
        if offset * 2654435761 % 7 < 3:  # as disorderly as can be
            window.settle(offset)
    assert 0 < len(window.metadata()) <= METADATA_MAX
    assert Window(5, "s1:####").metadata() == ""
    assert Window(5, "somebody else's").see(5)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "255.255.255.255"],
)  # fmt: skip
def test_an_address_that_is_not_public_is_known_in_every_form(address: str) -> None:
    assert not is_public(address)


def test_public_addresses_are_public() -> None:
    assert all(map(is_public, ("1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101")))


@pytest.mark.parametrize(
    ("hook", "said"),
    [
        ("{name: a, url: 'http://example.com/'}", "hooks[0]: url: http is for a private network only"),
        ("{name: a, url: 'https://{{/data/host}}/'}", "scheme and host cannot come from a record"),
        ("{name: a, url: 'https://127.0.0.1/'}", "127.0.0.1 is not public"),
        ("{name: a, url: 'https://u:p@example.com/'}", "without a login"),
        ("{name: a, url: 'ftp://example.com/'}", "must be https://HOST/PATH"),
        ("{name: A b, url: 'https://example.com/'}", "hooks[0].name"),
        ("{name: a, url: 'https://example.com/', secrets: x}", "hooks[0].secrets: is not known here"),
        ("{name: a, url: 'https://example.com/', body: '{{data}}'}", "not a template"),
        ("{name: a, url: 'https://example.com/', retry: {first_s: 0}}", "hooks[0].retry.first_s"),
        ("{name: a, url: 'https://example.com/', records: [nothing]}", "hooks[0].records[0]"),
    ],
)
def test_a_hook_that_cannot_work_is_refused_with_its_place(hook: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "hooks.yaml").write_text(f"hooks:\n  - {hook}\n")
    with pytest.raises(ConfigError) as refused:
        config.load(tmp_path / "hooks.yaml")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "hooks: []", "a: 1", "hooks: [", "sources:\n  - {name: x}"])
def test_a_file_that_says_nothing_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "hooks.yaml").write_text(text)
    with pytest.raises(ConfigError):
        config.load(tmp_path / "hooks.yaml")


def test_waits_double_up_to_the_longest_and_are_cut_by_chance() -> None:
    retry = Retry(first_s=1, longest_s=60)
    assert [lanes.backoff(retry, n, lambda: 1.0) for n in (1, 2, 3, 7, 100)] == [1, 2, 4, 60, 60]
    assert lanes.backoff(retry, 3, lambda: 0.0) == 2


@pytest.mark.parametrize(
    ("said", "seconds"),
    [(None, 0), ("3", 3), ("99999999", endpoint.RETRY_AFTER_S_MAX), ("soon", 0), ("-1", 0),
     ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(said: str | None, seconds: float) -> None:
    assert endpoint._seconds(said) == seconds


def test_both_examples_are_whole() -> None:
    for name in ("zendesk", "intercom"):
        hooks_file = config.load(EXAMPLES / f"{name}.yaml")
        assert isinstance(hooks_file.hooks[0], Hook)
        assert hooks_file.sources[0].name == name
