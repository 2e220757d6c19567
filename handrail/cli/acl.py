"""`handrail acl`: what each part may do on a Kafka with an authorizer."""

import asyncio
from typing import TYPE_CHECKING, Any

import click

from handrail.acl.roles import ROLES, rights_of
from handrail.cli.errors import NO, explained, say, show_json
from handrail.cli.login import login_options

if TYPE_CHECKING:
    from handrail.acl.compare import Compared
    from handrail.acl.settings import AclSettings
    from handrail.kafka.rights import Right


@click.command()
@click.argument("role", type=click.Choice(list(ROLES)))
@click.option("--principal", metavar="User:NAME", help="Who it is on Kafka. [default: User:ROLE]")
@click.option("--apply", "act", flag_value="apply", help="Set them on the cluster; what is there beyond them stays.")
@click.option("--check", "act", flag_value="check", help="Compare with the cluster: what is missing, what is too much.")
@click.option("--exactly", is_flag=True, help="With --apply: what the principal has beyond them is taken away.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--strimzi", metavar="CLUSTER", help="A KafkaUser for the Strimzi cluster of that name, in YAML.")
@click.option(
    "--bootstrap", metavar="HOST:PORT", help="Kafka's address; several with commas. [default: 127.0.0.1:9092]"
)
@click.option("--group", metavar="NAME", help="The workers' group. [default: handrail]")
@click.option("--hooks-group", metavar="NAME", help="What hooks' groups begin with. [default: handrail-hooks]")
@login_options
@explained
def acl(
    role: str,
    principal: str | None,
    act: str | None,
    exactly: bool,
    as_json: bool,
    strimzi: str | None,
    **settings: Any,
) -> None:
    """Print, set or compare the rights that a ROLE needs on Kafka, and no other.

    Prints the commands for Kafka's own `kafka-acls`, unless told otherwise. --apply and --check log in as an
    administrator. Exit status of --check: 0: as it should be, 1: it is not.

    \b
    Examples:
      handrail acl agent --principal User:refunds-agent
      handrail acl worker --strimzi my-cluster | kubectl apply -f -
      handrail acl desk --check --bootstrap kafka-1:9093 --kafka-security-protocol SASL_SSL \\
          --kafka-sasl-mechanism SCRAM-SHA-512 --kafka-username admin --kafka-password-file admin.password
    """
    from handrail.acl import text
    from handrail.acl.settings import AclSettings

    if exactly and act != "apply":
        raise click.UsageError("--exactly goes with --apply")
    options = AclSettings.of(settings)
    named, needed = principal or f"User:{role}", rights_of(role, options.group, options.hooks_group)
    if act is not None:
        _on_cluster(role, named, needed, options, act == "apply", exactly, as_json)
    elif strimzi is not None:
        import yaml

        say(yaml.safe_dump(text.kafka_user(named, needed, strimzi), sort_keys=False).rstrip())
    elif as_json:
        show_json(text.as_json(role, named, needed))
    else:
        for line in text.commands(named, needed, options.bootstrap):
            say(line)


def _on_cluster(
    role: str,
    principal: str,
    needed: "tuple[Right, ...]",
    settings: "AclSettings",
    applied: bool,
    exactly: bool,
    as_json: bool,
) -> None:
    from handrail.acl import grant, text

    cluster = settings.cluster()
    if applied:
        compared = asyncio.run(grant.apply(cluster, principal, needed, exactly=exactly))
    else:
        compared = asyncio.run(grant.check(cluster, principal, needed))
    if as_json:
        lists = {"missing": [text.right_as_json(right) for right in compared.missing]}
        show_json({**text.as_json(role, principal, needed), **lists, **_beyond(compared)})
    else:
        for line in _lines(role, principal, compared, applied, exactly):
            say(line)
    if not applied and not compared.right:
        raise SystemExit(NO)


def _beyond(compared: "Compared") -> dict[str, list[str]]:
    return {"more": [str(entry) for entry in compared.more], "denied": [str(entry) for entry in compared.denied]}


def _lines(role: str, principal: str, compared: "Compared", applied: bool, exactly: bool) -> list[str]:
    lines = [f"{'added' if applied else 'missing'}: {right}" for right in compared.missing]
    for entry in (*compared.more, *compared.denied):
        gone = exactly and entry.principal == principal  # what everybody has is not this role's to take away
        lines.append(f"{'removed' if gone else 'too much' if not entry.denied else 'in the way'}: {entry}")
    return lines or [f"{principal} has the rights of {role}, and no other"]
