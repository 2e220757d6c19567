"""The options of the login to Kafka, the same for every command."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args

import click

from handrail.kafka.login import Mechanism, Protocol

F = TypeVar("F", bound=Callable[..., Any])
FILE = click.Path(path_type=Path, dir_okay=False)

OPTIONS = (
    click.option(
        "--kafka-security-protocol",
        type=click.Choice(get_args(Protocol)),
        help="How brokers are spoken to. [default: PLAINTEXT]",
    ),
    click.option("--kafka-sasl-mechanism", type=click.Choice(get_args(Mechanism)), help="How SASL_SSL logs in."),
    click.option("--kafka-username", metavar="NAME", help="Of PLAIN and SCRAM."),
    click.option("--kafka-password-file", type=FILE, help="Its password on one line; not readable by everybody."),
    click.option("--kafka-token-command", metavar="COMMAND", help="Prints a token for OAUTHBEARER; no shell."),
    click.option("--kafka-ca-file", type=FILE, help="PEM of the brokers' authority. [default: the system's]"),
    click.option("--kafka-cert-file", type=FILE, help="PEM of this client's certificate, for mutual TLS."),
    click.option("--kafka-key-file", type=FILE, help="PEM of its key, without a passphrase."),
)  # fmt: skip


def login_options(command: F) -> F:
    """The command takes them, each as None where it was not given."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command
