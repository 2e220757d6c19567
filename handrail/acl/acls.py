"""Rights on a cluster: looked at, added, removed.

aiokafka 0.14 has the requests, without a method of its admin client; its version 2 of one is not what brokers mean by
it, so that version 1 is sent, which all brokers since Kafka 2.0 take.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaError, SecurityDisabled, for_code
from aiokafka.protocol.admin import CreateAclsRequest_v1, DeleteAclsRequest_v1, DescribeAclsRequest_v1
from aiokafka.protocol.api import Request

from handrail.kafka.cluster import Cluster
from handrail.kafka.knock import why
from handrail.kafka.rights import CLUSTER, OPERATIONS, Kind, Right
from handrail.schemas.errors import ConfigError
from handrail.streams.engine.topics import Admin

ANY, ALLOW, DENY = 1, 3, 2
LITERAL, PREFIXED = 3, 4
EVERYBODY, EVERYWHERE = "User:*", "*"
KINDS: dict[Kind, int] = {"topic": 2, "group": 3, "cluster": 4}
SEEN_S_MAX, AGAIN_S = 10.0, 0.05
# (kind, name, pattern, principal, host, operation, permission) as on the wire
Row = tuple[int, str | None, int, str | None, str | None, int, int]


class _Describe(Request[DescribeAclsRequest_v1]):  # type: ignore[misc]
    API_KEY = 29

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(ANY, None, ANY, None, None, ANY, ANY)


class _Create(Request[CreateAclsRequest_v1]):  # type: ignore[misc]
    API_KEY = 30

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._rows)


class _Delete(Request[DeleteAclsRequest_v1]):  # type: ignore[misc]
    API_KEY = 31

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def build(self, request_struct_class: Any) -> Any:
        return request_struct_class(self._rows)


@dataclass(frozen=True, slots=True, order=True)
class Granted:
    """One entry of the authorizer. `host`: from where; `*` is anywhere."""

    right: Right
    principal: str
    host: str = EVERYWHERE
    denied: bool = False

    def __str__(self) -> str:
        words = [self.principal, "is denied" if self.denied else "has", str(self.right)]
        return " ".join(words if self.host == EVERYWHERE else [*words, f"from {self.host}"])

    def row(self) -> Row:
        """As it is sent."""
        pattern = PREFIXED if self.right.prefixed else LITERAL
        kind, operation = KINDS[self.right.kind], OPERATIONS[self.right.operation]
        return (kind, self.right.name, pattern, self.principal, self.host, operation, DENY if self.denied else ALLOW)


class Acls:
    """The authorizer's entries; entered with `async with acls_of(cluster)`."""

    def __init__(self, admin: Admin) -> None:
        self._admin = admin

    async def of(self, principal: str) -> tuple[Granted, ...]:
        """Those of a principal, and of everybody. Raises KafkaError."""
        answer = await self._admin._send_request(_Describe())
        _check(answer.error_code, answer.error_message)
        granted = (
            _granted(kind, name, pattern, *fields)
            for kind, name, pattern, entries in answer.resources
            for fields in entries
        )
        return tuple(
            sorted(grant for grant in granted if grant is not None and grant.principal in (principal, EVERYBODY))
        )

    async def add(self, granted: Iterable[Granted]) -> None:
        """They are there when this returns. Raises KafkaError."""
        if rows := [grant.row() for grant in granted]:
            for code, message in (await self._admin._send_request(_Create(rows))).creation_responses:
                _check(code, message)

    async def remove(self, granted: Iterable[Granted]) -> None:
        """They are gone when this returns. Raises KafkaError."""
        if rows := [grant.row() for grant in granted]:
            for code, message, _ in (await self._admin._send_request(_Delete(rows))).filter_responses:
                _check(code, message)

    async def settled(self, principal: str, wanted: Iterable[Granted]) -> None:
        """The broker lists these; it hears of them a little later. Raises ConfigError where it does not."""
        until_s, expected = time.monotonic() + SEEN_S_MAX, set(wanted)
        while missing := expected - set(await self.of(principal)):
            if time.monotonic() > until_s:
                first = min(missing)
                raise ConfigError(f"the broker took what was added, and does not list it: {first}: does it keep ACLs?")
            await asyncio.sleep(AGAIN_S)


@asynccontextmanager
async def acls_of(cluster: Cluster) -> AsyncIterator[Acls]:
    """For the length of a block, over connections of its own. Raises ConfigError in one line."""
    admin = Admin(**cluster.client())
    try:
        await admin.start()
        yield Acls(admin)
    except SecurityDisabled:
        todo = "set authorizer.class.name in its brokers"
        raise ConfigError(f"broker {cluster}: has no authorizer, so that everybody may do everything: {todo}") from None
    except (KafkaError, OSError) as error:
        # To look at entries takes Describe, to change them Alter, which has the other with it.
        raise ConfigError(await why(error, cluster, Right("cluster", CLUSTER, "Alter"))) from error
    finally:
        await admin.close()


def _granted(
    kind: int, name: str, pattern: int, principal: str, host: str, operation: int, permission: int
) -> Granted | None:
    """None for kinds of things that are none of Handrail's: transactional ids, delegation tokens, users."""
    kinds, operations = (
        {code: label for label, code in KINDS.items()},
        {code: label for label, code in OPERATIONS.items()},
    )
    if kind not in kinds or operation not in operations:
        return None
    right = Right(kinds[kind], name, operations[operation], pattern == PREFIXED)
    return Granted(right, principal, host, permission == DENY)


def _check(code: int, message: str | None) -> None:
    if code:
        raise for_code(code)(message or "")
