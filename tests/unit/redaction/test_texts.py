"""What is taken out of a text, and what is not: by kind."""

import pytest

from handrail.streams.governor.redaction import cut, redact_bytes, redact_text
from handrail.streams.governor.redaction.cards import is_card
from handrail.streams.governor.redaction.ibans import LENGTHS, checks

TAKEN = [
    ("card 4111 1111 1111 1111, thanks", "card [card …1111], thanks"),
    ("5555555555554444", "[card …4444]"),
    ("378282246310005 and 3782 822463 10005", "[card …0005] and [card …0005]"),
    ("my card is 4111-1111-1111-1111 12/26", "my card is [card …1111] 12/26"),
    ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", "[card …1111]"),
    ("٤١١١ ١١١١ ١١١١ ١١١١", "[card …1111]"),
    ("４１１１１１１１１１１１１１１１", "[card …1111]"),
    ("4111\u00a01111\u00a01111\u00a01111", "[card …1111]"),
    ('{"text":"so:\\n4111111111111111"}', '{"text":"so:\\n[card …1111]"}'),
    ("DE89 3704 0044 0532 0130 00 please", "[iban …3000] please"),
    ("gb82west12345698765432.", "[iban …5432]."),
    ("mail Foo.Bar+x@mail.example.co.uk.", "mail [email]."),
    ("jürgen.müller@exämple.com", "[email]"),
    ("📧 a@b.co", "📧 [email]"),
    ("call (415) 555-2671", "call [phone]"),
    ("415.555.2671 or 415-555-2671", "[phone] or [phone]"),
    ("+49 (0)171 2345678", "[phone]"),
    ("020 7946 0958", "[phone]"),
    ("06 12 34 56 78", "[phone]"),
    ("you gave—555-123-2002", "you gave—[phone]"),
    ("my phone number is 5551234567", "my phone number is [phone]"),
    ("password=swordfish", "password=[password]"),
    ("Password: swordfish", "Password: [password]"),
    ("my password is hunter2!", "my password is [password]!"),
    ("db_password=x9y8z7 user=bob", "db_password=[password] user=bob"),
    ("PIN: 4821, CVV: 547", "PIN: [password], CVV: [password]"),
    ("postgres://app:s3cr3t@db/app", "postgres://app:[password]@db/app"),
    ('{"card_number":"4000","n":1}', '{"card_number":"[redacted]","n":1}'),
    ("AKIAIOSFODNN7EXAMPLE", "[token]"),
    ("ghp_abcdefghijklmnopqrstuvwxyz0123456789", "[token]"),
    ("xoxb-123456789012-abcdefghij", "[token]"),
    ("sk_live_abcdefghijklmnop", "[token]"),
    ("sk-proj-abcdefghijklmnopqrstuvwx", "[token]"),
    ("sk-ant-api03-abcdefghijklmnopqrstuvwx", "[token]"),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", "[token]"),
    ("Authorization: Bearer abcdefghijklmnop1234", "Authorization: Bearer [token]"),
    ("a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nb", "a\n[private key]\nb"),
    ("-----BEGIN PRIVATE KEY-----\nMIIE", "[private key]"),
]

STAYS = [
    "Refund of $1,299.99 for order #W2378156, item 1008292230",
    "reservation 4OG6T3 on 2024-05-15 15:00:00, flights HAT123 and HAT456",
    "4111 1111 1111 1112 fails the check digit",
    "0.4111111111111111",
    "tracking 1Z4111111111111111",
    "DE89 3704 0044 0532 0130 01",
    "logo@2x.png and @support",
    "01-02-2024 12:30 to 05-10-2024",
    "your password is incorrect, reset the password: it has expired",
    "the PIN was observed/skimmed",
    "550e8400-e29b-41d4-a716-446655440000",
    "ab54d1f7c0f1e2d3c4b5a69788796a5b4c3d2e1f00112233445566778899aabb",
    "192.168.100.200 and version 1.22.333.4444",
    "1764000000000 ms",
    "call me at 10, it is about 3 items",
    "[card …1111] [iban …3000] [email] [phone] password=[password] [token] [private key] [redacted]",
]


@pytest.mark.parametrize(("text", "shown"), TAKEN)
def test_what_must_not_be_shown_is_marked(text: str, shown: str) -> None:
    assert redact_text(text).text == shown


@pytest.mark.parametrize("text", STAYS)
def test_what_a_person_needs_to_decide_stays(text: str) -> None:
    assert redact_text(text) == (text, ())


def test_all_kinds_of_a_text_are_told_once() -> None:
    redacted = redact_text("4111111111111111, a@b.co, c@d.co, +14155552671")
    assert redacted == ("[card …1111], [email], [email], [phone]", ("card", "email", "phone"))


def test_bytes_that_are_no_text_are_looked_through_too() -> None:
    assert redact_bytes(b"\xff\x00 a@b.co \xfe") == (b"\xff\x00 [email] \xfe", ("email",))
    assert redact_bytes(b"\xff\x00\xfe") == (b"\xff\x00\xfe", ())


@pytest.mark.parametrize("length", range(8, 30))
def test_a_cut_never_leaves_half_a_number_that_nobody_would_know_again(length: int) -> None:
    text = "card is 4111 1111 1111 1111 ok then"
    shown = redact_text(cut(text, length)).text
    assert len(cut(text, length)) <= length
    assert "4111" not in shown


@pytest.mark.parametrize("number", ["4111111111111111", "5105105105105100", "6011111111111117", "3530111333300000"])
def test_test_numbers_that_issuers_publish_are_cards(number: str) -> None:
    assert is_card(number)
    assert not is_card(number[:-1] + str((int(number[-1]) + 1) % 10))


def test_every_country_has_a_length_in_the_standards_bounds() -> None:
    assert len(LENGTHS) > 70
    assert all(15 <= length <= 34 for length in LENGTHS.values())
    assert checks("NO9386011117947")
