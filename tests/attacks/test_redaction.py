"""Secrets under names and in spellings of every kind are neither stored nor shown; honest fields stay."""

import json
from typing import Any

import orjson
import pytest

from handrail.streams.governor.redaction import redact_record, redact_text
from handrail.streams.governor.redaction.names import is_secret

SECRET = (
    "apiKey", "accessToken", "accountNumber", "pwd", "userAccessToken", "x-api-key", "card_number2", "API_KEY",
    "apikey", "clientSecret", "client_secret", "refreshToken", "idToken", "authToken", "bearerToken", "csrfToken",
    "sessionToken", "sessionId", "session_cookie", "Set-Cookie", "cookie", "Authorization", "proxy-authorization",
    "privateKey", "PRIVATE_KEY", "secretKey", "aws_secret_access_key", "awsAccessKeyId", "encryptionKey",
    "dbPassword", "db_passwd", "userPwd", "mysql_pwd", "passwordHash", "newPassword", "confirm_password",
    "passwordConfirmation", "currentPassword", "passphrase", "passCode", "cardNumber", "creditCard",
    "creditCardNumber", "cardNo", "card_num", "ccNumber", "ccnum", "cardCvv", "cvv2", "CVC", "securityCode",
    "cardSecurityCode", "cardPan", "pan", "iban", "customerIban", "bankAccount", "bankAccountNumber", "accountNo",
    "acctNum", "routingNumber", "sort_code", "ssn", "SSN", "socialSecurityNumber", "social_security", "taxId",
    "tax_number", "taxIdentificationNumber", "passportNumber", "passportNo", "passport", "nationalId",
    "nationalInsuranceNumber", "driversLicense", "driverLicenseNumber", "pinCode", "userPin", "pin", "PIN",
    "newPin", "otp", "otpCode", "oneTimeCode", "verificationCode", "mfaCode", "backupCodes", "recoveryCode",
    "token", "tokenValue", "oauth2Token", "githubToken", "slack_bot_token", "credentials", "userCredentials",
    "connectionString", "motherMaidenName", "jwt", "accountnumber", "useraccountnumber", "accesstoken",
    "userpassword", "cardnumber", "ACCOUNT_NUMBER", "account.number", "account-number", "password1", "secret",
    "webhook_secret", "signing_secret", "apiToken", "access_code", "accessKey", "sharedKey", "licenseKey", "card",
    "debitCardNumber", "securityAnswer", "connect.sid", "PHPSESSID", "seedPhrase", "Account\u00a0Number",
    "api\u200bKey", "api key", "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",
)  # fmt: skip
HONEST = (
    "token_count", "max_tokens", "tokens", "input_tokens", "total_tokens", "cached_tokens", "prompt_tokens", "key",
    "account_id", "accountId", "order_number", "orderNumber", "monkey", "keyboard", "keyword", "primary_key",
    "public_key", "partition_key", "idempotency_key", "tokenizer", "next_page_token", "nextToken", "page_token",
    "cost_per_token", "has_password", "password_length", "passwordResetRequired", "password_changed_at",
    "is_secret", "pin_required", "opinion", "spinner", "pinned", "mapping", "shipping", "pincushion", "cardinal",
    "discard", "card_type", "cardBrand", "card_last4", "cardId", "gift_card", "gift_card_id", "postcard",
    "wildcard", "account_name", "account_type", "accountant", "customer_id", "tracking_number", "flight_number",
    "reservation_number", "confirmation_code", "zip_code", "country_code", "promo_code", "discount_code",
    "product_code", "error_code", "status_code", "code", "author", "authority", "authorized", "author_id",
    "session_count", "session_duration", "sessions", "secretary", "cookie_consent", "passenger", "passengers",
    "passing", "compass", "bypass", "pass_type", "taxi", "taxable", "tax", "tax_rate", "syntax_id", "idle",
    "identity", "user_id", "id", "number", "numbers", "no", "item_number", "serial_number", "model_number",
    "quantity", "invoice_number", "case_number", "ticket_number", "seat_number", "room_number", "house_number",
    "account_balance", "accounts", "number_of_cards", "frying_pan", "company", "japan", "timestamp", "description",
    "first_token", "stop_token", "turkey", "hockey", "source_code", "license_plate", "insurance", "insurance_type",
    "national_park", "routing", "routing_key", "card_holder", "tokens_used", "total_token_cost",
)  # fmt: skip


def record(**arguments: Any) -> dict[str, Any]:
    return {"type": "handrail.action.proposed.v1", "data": {"conversation_id": "c1", "arguments": arguments}}


def stored(raw: dict[str, Any], ascii_only: bool) -> str:
    value = json.dumps(raw).encode() if ascii_only else orjson.dumps(raw)
    return redact_record(value, raw).value.decode()


@pytest.mark.parametrize("name", SECRET)
def test_what_is_secret_by_its_name(name: str) -> None:
    assert is_secret(name)
    for ascii_only in (True, False):
        assert "hunter2" not in stored(record(**{name: "hunter2"}), ascii_only)
        assert "hunter2" not in stored(record(deep=[{"inner": {name: ["hunter2"]}}]), ascii_only)
    if name.isascii():
        assert "hunter2" not in redact_text(json.dumps({"a": 1, name: "hunter2"})).text
        assert "hunter2" not in redact_text(json.dumps({name: "hunter2", "b": 1}, separators=(",", ":"))).text


@pytest.mark.parametrize("name", HONEST)
def test_what_only_looks_like_it_stays(name: str) -> None:
    assert not is_secret(name)
    assert "hunter2" in stored(record(**{name: "hunter2"}), True)
    if not name.endswith(("token", "password", "secret")):  # in a text such a word says what follows it
        assert "hunter2" in redact_text(json.dumps({name: "hunter2"})).text


CARD = "4111 1111 1111 1111"
APART = (
    ".", "/", "_", ":", "|", "*", "\n", "\r\n", "\t", "\\n", " / ", " . ", "--", "\u00a0", "\u2009", "\u202f",
    "\u3000", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u200e", "\u202e", "\u2011", "\u2212", "\uff0d",
    "\u00b7", "\uff0f",
)  # fmt: skip


@pytest.mark.parametrize("apart", APART)
@pytest.mark.parametrize("number", [CARD, "3782 822463 10005", "5500 0055 5555 5559", "4222222222222"])
def test_a_card_however_its_digits_are_parted(apart: str, number: str) -> None:
    for written in (number.replace(" ", apart), apart.join(number.replace(" ", ""))):
        shown = redact_text(f"my card is {written} thanks").text
        assert "[card" in shown, repr(written)
        assert "thanks" in shown
        for ascii_only in (True, False):
            assert "[card" in stored(record(note=f"it is {written}!"), ascii_only)


@pytest.mark.parametrize("zero", [0xFF10, 0x0660, 0x06F0, 0x0966])
def test_a_card_in_digits_of_other_scripts(zero: int) -> None:
    written = "".join(chr(zero + int(one)) if one.isdigit() else one for one in CARD)
    assert "[card" in redact_text(written).text
    for ascii_only in (True, False):
        assert "[card" in stored(record(note=f"it is {written}!"), ascii_only)


@pytest.mark.parametrize(
    "said",
    [
        "card:4111111111111111exp12/27", "4111 1111 1111 1111EXP 12/27", "card4111111111111111",
        "Visa4111111111111111cvv123",
        "Karte4111-1111-1111-1111bis 12/27", "cc4111111111111111valid thru 12/27", "my pan is4111111111111111and more",
    ],
)  # fmt: skip
def test_a_card_that_a_word_of_cards_touches(said: str) -> None:
    shown = redact_text(said).text
    assert "[card …1111]" in shown, shown
    for ascii_only in (True, False):
        assert "4111111111111111" not in stored(record(note=said), ascii_only)


def test_a_card_in_the_items_of_a_list() -> None:
    for ascii_only in (True, False):
        assert "1111" not in stored(record(parts=CARD.split()), ascii_only).replace("…1111", "").replace(
            "\\u20261111", ""
        )
        assert '"4111"' in stored(record(parts=["4111", "1111"]), ascii_only)


@pytest.mark.parametrize(
    "apart", ["", " ", "-", ".", "/", "\n", "\u00a0", "\u200b", "\u2060", "\u2009", "\ufeff", "\t"]
)
def test_an_account_number_and_an_address_alike(apart: str) -> None:
    iban = apart.join(["DE89", "3704", "0044", "0532", "0130", "00"])
    assert "[iban" in redact_text(f"to {iban} please").text
    for ascii_only in (True, False):
        assert "[iban" in stored(record(note=f"to {iban} please"), ascii_only)


@pytest.mark.parametrize("unseen", ["\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e"])
def test_characters_that_nobody_sees_part_nothing(unseen: str) -> None:
    for said, mark in (
        (f"write to ali{unseen}ce@exam{unseen}ple.com today", "[email]"),
        (f"pass{unseen}word=swordfish1", "[password]"),
        (f"AKIA{unseen}IOSFODNN7EXAMPLE is it", "[token]"),
    ):
        shown = redact_text(said).text
        assert mark in shown, repr(said)
        assert "ali" not in shown
        assert "IOSFODNN" not in shown


@pytest.mark.parametrize(
    "said",
    [
        "2026-11-23T10:15:02.412Z", "23.11.2026 10:15:02", "10.0.0.1:8080", "192.168.100.200/24", "1,234,567,890,123",
        "1/2/3/4/5/6/7/8/9/10/11/12/13", "555.1234.5678", "v1.22.333.4444.5555", "4111.1111", "0.4111111111111111",
        "order 4111_2222_3333", "00:00:00:00:00:00", "4111 1111 1111 1112", "4111.1111.1111.1112",
        "12/25 13/25 14/25 15/25",
        "ORDER4111111111111111", "4111111111111111abc", "a4111111111111111", "4111111111111111explorer",
        "postcard4111111111111111", "4111111111111111111111", "https://x.example/4111/1111/1111/1111/2222",
    ],
)  # fmt: skip
def test_numbers_that_are_no_cards_stay(said: str) -> None:
    assert redact_text(said).text == said
