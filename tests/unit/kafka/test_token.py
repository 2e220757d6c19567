"""Tokens of a command: when it is run again, what it may print, and that nobody is told what it printed."""

import asyncio
import base64
import json
import stat
from pathlib import Path

import pytest
from aiokafka.errors import SaslAuthenticationFailed

from handrail.kafka.sasl import OAuthAuthenticator
from handrail.kafka.token import NoToken, Token, TokenCommand, read

NOW_S = 1_800_000_000.0


def jwt(**claims: object) -> str:
    parts = ({"alg": "none"}, claims)
    words = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join((*words, "signature"))


class Clock:
    def __init__(self) -> None:
        self.now_s = NOW_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A program that prints what is in `said`, and counts in `runs` how often it was run."""
    path = tmp_path / "token"
    path.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\ncat {tmp_path}/said\n")
    path.chmod(stat.S_IRWXU)
    return path


def runs(script: Path) -> int:
    return len(script.with_name("runs").read_text().splitlines())


def test_it_is_run_again_before_the_token_ends(script: Path) -> None:
    output, clock = script.with_name("said"), Clock()
    output.write_text(jwt(sub="agent", exp=NOW_S + 100))
    command = TokenCommand(str(script), clock)
    first = asyncio.run(command.token())
    clock.now_s += 79
    assert (asyncio.run(command.token()), runs(script)) == (first, 1)
    output.write_text(jwt(sub="agent", exp=NOW_S + 200))
    clock.now_s += 1
    assert asyncio.run(command.token()) != first
    assert (runs(script), command.subject) == (2, "agent")


def test_a_command_that_fails_is_borne_until_the_token_ends(script: Path) -> None:
    output, clock = script.with_name("said"), Clock()
    output.write_text(jwt(exp=NOW_S + 100))
    command = TokenCommand(str(script), clock)
    first = asyncio.run(command.token())
    output.unlink()
    clock.now_s += 99
    assert asyncio.run(command.token()) == first
    clock.now_s += 1
    with pytest.raises(NoToken, match=r"^kafka_token_command: \S+: ended with status 1: run it by hand to see why$"):
        asyncio.run(command.token())


def test_a_token_that_tells_no_end_is_asked_for_at_each_connection(script: Path) -> None:
    script.with_name("said").write_text("opaque")
    command = TokenCommand(str(script))
    assert [asyncio.run(command.token()) for _ in range(3)] == ["opaque"] * 3
    assert runs(script) == 3


def test_the_answer_of_a_token_endpoint_is_read() -> None:
    response = {
        "access_token": "abc",
        "token_type": "Bearer",
        "expires_in": 100,
        "extensions": {"logicalCluster": "lkc-1"},
    }
    assert read(json.dumps(response).encode(), NOW_S) == Token(
        "abc", NOW_S + 80, NOW_S + 100, {"logicalCluster": "lkc-1"}
    )


@pytest.mark.parametrize(
    ("printed", "line"),
    [
        (b"", "printed nothing"),
        (b"\n", "printed nothing"),
        (b"x" * 70_000, "printed more than 65536 bytes"),
        (b"{secret", "printed no JSON, though it begins with a brace"),
        (b'{"secret": 1}', "what it printed is no token"),
        (b"secret with spaces", "what it printed is no token"),
        (b"secret\nlines", "what it printed is no token"),
        (b'{"access_token": "a", "extensions": ["secret"]}', "`extensions` is no object of texts"),
        (jwt(sub="secret", exp=NOW_S - 5).encode(), "gave a token that ended 5 s ago"),
    ],
)
def test_what_is_no_token_is_refused_and_not_told(printed: bytes, line: str) -> None:
    with pytest.raises(NoToken, match=line) as refused:
        read(printed, NOW_S)
    assert "secret" not in str(refused.value)


async def test_a_token_that_a_broker_refuses_is_no_login() -> None:
    """What it answers then (RFC 7628) is no error to aiokafka, which goes on and misreads the next answer."""
    command = TokenCommand("echo opaque")
    authenticator = OAuthAuthenticator(sasl_oauth_token_provider=command)
    assert await authenticator.step(None) == (b"n,,\x01auth=Bearer opaque\x01\x01", True)
    with pytest.raises(SaslAuthenticationFailed, match="invalid_token"):
        await authenticator.step(b'{"status":"invalid_token"}')


def test_a_program_that_is_not_there_is_told() -> None:
    with pytest.raises(NoToken, match=r"^kafka_token_command: /nowhere/token: No such file or directory: "):
        TokenCommand("/nowhere/token --audience kafka").current()
