"""Which partition a key belongs to: Kafka's own default, so that every client of a topic agrees."""

from __future__ import annotations

from functools import lru_cache
from struct import unpack_from

_SEED = 0x9747B28C
_FACTOR = 0x5BD1E995
_WORD = 0xFFFFFFFF


@lru_cache(16_384)
def murmur2(key: bytes) -> int:
    """Return the 32-bit MurmurHash2 of `key` as Kafka's Java client computes it."""
    whole = len(key) & ~3
    state = _SEED ^ len(key)
    for word in unpack_from(f"<{whole >> 2}I", key):
        mixed = (word * _FACTOR) & _WORD
        state = (state * _FACTOR ^ (mixed ^ mixed >> 24) * _FACTOR) & _WORD
    if len(key) > whole:
        state = ((state ^ int.from_bytes(key[whole:], "little")) * _FACTOR) & _WORD
    state = ((state ^ state >> 13) * _FACTOR) & _WORD
    return state ^ state >> 15


def partition_of(key: bytes, count: int) -> int:
    """Return the partition of `key` in a topic of `count` partitions."""
    return (murmur2(key) & 0x7FFFFFFF) % count
