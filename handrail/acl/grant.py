"""`handrail acl ROLE --apply` and `--check` against a cluster."""

from collections.abc import Sequence

from handrail.acl.acls import EVERYBODY, Granted, acls_of
from handrail.acl.compare import Compared, compare
from handrail.kafka.cluster import Cluster
from handrail.kafka.rights import Right


async def check(cluster: Cluster, principal: str, needed: Sequence[Right]) -> Compared:
    """What the principal has, beside what it needs. Raises ConfigError."""
    async with acls_of(cluster) as acls:
        return compare(needed, await acls.of(principal))


async def apply(cluster: Cluster, principal: str, needed: Sequence[Right], *, exactly: bool = False) -> Compared:
    """Its rights are there when this returns; gives what was otherwise before. Raises ConfigError.

    `exactly`: what the principal has beyond them, and what it is denied, is gone; what everybody has stays.
    """
    async with acls_of(cluster) as acls:
        before = compare(needed, await acls.of(principal))
        await acls.add(Granted(right, principal) for right in before.missing)
        if exactly:
            await acls.remove(entry for entry in (*before.more, *before.denied) if entry.principal != EVERYBODY)
        await acls.settled(principal, [Granted(right, principal) for right in before.missing])
        return before
