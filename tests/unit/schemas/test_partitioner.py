"""Records lie where Java's and aiokafka's default partitioner puts them."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from handrail.schemas.partitioner import partition_of


@given(st.binary(max_size=64), st.integers(1, 64))
def test_the_partition_is_that_of_aiokafkas_default_partitioner(key: bytes, partitions: int) -> None:
    everything = list(range(partitions))
    assert partition_of(key, partitions) == DefaultPartitioner()(key, everything, everything)
