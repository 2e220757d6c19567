"""Merkle trees, against the roots that RFC 6962's reference implementation gives."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handrail.schemas.merkle import root_of, tree

# The leaves and roots of certificate-transparency's merkle_tree_test.cc.
LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    assert tree(LEAVES[:size])[0].hex() == ROOTS[size - 1]


@given(st.integers(1, 300), st.data())
def test_each_path_leads_to_the_root_and_no_other_does(size: int, data: st.DataObject) -> None:
    entries = [sha256(b"%d" % number).digest() for number in range(size)]
    root, paths = tree(entries)
    index = data.draw(st.integers(0, size - 1))
    path = paths[index]
    assert root_of(entries[index], index, size, path) == root
    assert root_of(b"other", index, size, path) != root
    assert root_of(entries[index], index, size, [*path, root]) is None
    for at in range(len(path)):
        assert root_of(entries[index], index, size, [*path[:at], b"\0" * 32, *path[at + 1 :]]) != root
    if path:
        assert root_of(entries[index], index, size, path[:-1]) is None
        other = data.draw(st.integers(0, size - 1).filter(lambda number: number != index))
        assert root_of(entries[index], other, size, path) != root
    assert root_of(entries[index], size, size, path) is None
    assert root_of(entries[index], -1, size, path) is None
