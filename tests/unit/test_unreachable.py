"""A broker that is not there is one line and exit status 2, whatever the libraries have to say of it."""

import pytest

from handrail.broker.ports import HOST, free_port
from handrail.kafka.one_log import OneLog
from handrail.schemas.errors import ConfigError
from handrail.streams.sink.log_reader import Reader
from tests import forks

COMMANDS = (
    ("handoffs", "list"),
    ("export", "conv-1"),
    ("deadletters", "list"),
    ("verify",),
    ("policy", "activate", "handrail/demo/policies"),
    ("worker",),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_broker_there_is_one_line(command: tuple[str, ...]) -> None:
    address = f"{HOST}:{free_port()}"
    done = forks.run("handrail", *command, "--bootstrap", address, timeout=60)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.stderr
    assert done.stderr.startswith(f"broker {address}: ")
    assert done.stderr.endswith("is it running, and is the address right?\n")


async def test_brokers_that_go_away_while_the_sink_starts_are_one_line() -> None:
    address = f"{HOST}:{free_port()}"
    with pytest.raises(ConfigError, match=rf"^broker {address}: .*: start it, or mend the address$"):
        async with Reader(address, OneLog(address, (), "sink"), {}, print):
            raise AssertionError("nobody is there")
