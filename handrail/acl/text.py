"""Rights as others read them: commands of Kafka, JSON, and a `KafkaUser` of Strimzi."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from handrail.kafka.rights import Right, command

STRIMZI = "kafka.strimzi.io/v1"
COMMON_NAME = "CN="


def commands(principal: str, rights: Sequence[Right], bootstrap: str) -> list[str]:
    """One `kafka-acls` for each thing."""
    return [command(principal, of, bootstrap) for of in _by_thing(rights)]


def as_json(role: str, principal: str, rights: Sequence[Right]) -> dict[str, Any]:
    """What `--json` prints."""
    return {"role": role, "principal": principal, "rights": [right_as_json(right) for right in rights]}


def right_as_json(right: Right) -> dict[str, str]:
    """A right in JSON."""
    pattern = "prefixed" if right.prefixed else "literal"
    return {"resource": right.kind, "name": right.name, "pattern": pattern, "operation": right.operation}


def kafka_user(principal: str, rights: Sequence[Right], cluster: str) -> dict[str, Any]:
    """The resource that Strimzi's user operator makes user and rights of; `cluster` is the name of the `Kafka`.

    A principal `User:CN=NAME` logs in by certificate, any other by SCRAM-SHA-512.
    """
    name = principal.removeprefix("User:")
    kind = "tls" if name.startswith(COMMON_NAME) else "scram-sha-512"
    return {
        "apiVersion": STRIMZI,
        "kind": "KafkaUser",
        "metadata": {"name": name.removeprefix(COMMON_NAME), "labels": {"strimzi.io/cluster": cluster}},
        "spec": {
            "authentication": {"type": kind},
            "authorization": {"type": "simple", "acls": [_acl(of) for of in _by_thing(rights)]},
        },
    }


def _acl(rights: Sequence[Right]) -> dict[str, Any]:
    first = rights[0]
    resource: dict[str, str] = {"type": first.kind}
    if first.kind != "cluster":
        resource |= {"name": first.name, "patternType": "prefix" if first.prefixed else "literal"}
    return {"resource": resource, "operations": [right.operation for right in rights], "host": "*"}


def _by_thing(rights: Sequence[Right]) -> list[tuple[Right, ...]]:
    by = groupby(sorted(rights), key=lambda right: (right.kind, right.name, right.prefixed))
    return [tuple(of) for _, of in by]
