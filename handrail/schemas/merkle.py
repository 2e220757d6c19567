"""Merkle trees of RFC 6962 over digests: one root for many, and for each the path that proves it is under the root."""

from collections.abc import Sequence
from hashlib import sha256

LEAF, NODE = b"\x00", b"\x01"

Path = list[bytes]
"""The digests beside the way from a leaf to the root, the lowest first."""


def tree(entries: Sequence[bytes]) -> tuple[bytes, list[Path]]:
    """The root over at least one entry, and the audit path of each (RFC 6962, 2.1 and 2.1.1).

    Built level by level: a node without a neighbour goes up as it is, which gives the tree of the RFC.
    """
    level = [sha256(LEAF + entry).digest() for entry in entries]
    paths: list[Path] = [[] for _ in entries]
    places = list(range(len(entries)))  # where in the level each entry's node is
    while len(level) > 1:
        for path, place in zip(paths, places, strict=True):
            if (beside := place ^ 1) < len(level):
                path.append(level[beside])
        pairs = zip(level[::2], level[1::2], strict=False)
        above = [sha256(NODE + left + right).digest() for left, right in pairs]
        level = above if len(level) % 2 == 0 else [*above, level[-1]]
        places = [place // 2 for place in places]
    return level[0], paths


def root_of(entry: bytes, index: int, size: int, path: Path) -> bytes | None:
    """The root that the path leads to from the entry at `index` of `size`; None for a path that no such tree has."""
    digest, last = sha256(LEAF + entry).digest(), size - 1
    if not 0 <= index <= last:
        return None
    left = iter(path)
    while last:
        if index % 2 or index < last:  # it has a neighbour here
            beside = next(left, None)
            if beside is None:
                return None
            digest = sha256(NODE + (beside + digest if index % 2 else digest + beside)).digest()
        index, last = index // 2, last // 2
    return digest if next(left, None) is None else None
