"""A right as Kafka's authorizers know it, and the command that grants it."""

import shlex
from dataclasses import dataclass
from typing import Literal

Kind = Literal["topic", "group", "cluster"]
Operation = Literal[
    "All",
    "Read",
    "Write",
    "Create",
    "Delete",
    "Alter",
    "Describe",
    "ClusterAction",
    "DescribeConfigs",
    "AlterConfigs",
    "IdempotentWrite",
]
# Kafka's AclOperation: in requests about rights, and as bits of what a broker says may be done.
OPERATIONS: dict[Operation, int] = {
    "All": 2,
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Alter": 7,
    "Describe": 8,
    "ClusterAction": 9,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
    "IdempotentWrite": 12,
}
CLUSTER = "kafka-cluster"  # the name that Kafka gives to the one there is
ANYTHING = "*"  # as a name that is not prefixed
# Whoever may do one of these may see what is there, and Kafka asks for no second right.
SEES = ("Read", "Write", "Delete", "Alter")


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """To do something with one thing, or, where it is `prefixed`, with all whose names begin so."""

    kind: Kind
    name: str
    operation: Operation
    prefixed: bool = False

    def __str__(self) -> str:
        return f"{self.operation} on {self.what}"

    @property
    def what(self) -> str:
        """As a person calls it: `topic agent.events.v1`, `groups handrail-hooks.*`, `the cluster`."""
        if self.kind == "cluster":
            return "the cluster"
        return f"{self.kind}s {self.name}*" if self.prefixed else f"{self.kind} {self.name}"

    def covers(self, other: "Right") -> bool:
        """Whether who has this one needs no other for that."""
        named = (
            other.name.startswith(self.name) if self.prefixed else (self.name, False) == (other.name, other.prefixed)
        )
        done = self.operation in ("All", other.operation) or (other.operation == "Describe" and self.operation in SEES)
        return self.kind == other.kind and named and done


def command(principal: str, rights: "tuple[Right, ...]", bootstrap: str, verb: str = "--add") -> str:
    """What an administrator runs, with their own login in `admin.properties`; the rights are of one thing."""
    first = rights[0]
    words = ["kafka-acls", "--bootstrap-server", bootstrap, "--command-config", "admin.properties", verb]
    words += ["--allow-principal", principal]
    for right in rights:
        words += ["--operation", right.operation]
    words += ["--cluster"] if first.kind == "cluster" else [f"--{first.kind}", first.name]
    if first.prefixed:
        words += ["--resource-pattern-type", "prefixed"]
    return shlex.join(words)
