"""Keys go where every other Kafka client would send them."""

from __future__ import annotations

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from edurelay.kafka.partitions import partition_of


@given(st.binary(max_size=200), st.integers(1, 64))
def test_a_key_goes_to_the_partition_that_kafkas_default_chooses(key: bytes, count: int) -> None:
    every = list(range(count))
    assert partition_of(key, count) == DefaultPartitioner()(key, every, every)
