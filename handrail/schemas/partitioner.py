"""Kafka's default partitioner: murmur2 of the key, as Java's client and aiokafka do it."""

MASK = 0xFFFFFFFF
SEED, M, R = 0x9747B28C, 0x5BD1E995, 24


def murmur2(key: bytes) -> int:
    """The unsigned 32-bit murmur2 hash of the key (Austin Appleby's MurmurHash2 with Kafka's seed)."""
    size = len(key)
    h = SEED ^ size
    for at in range(0, size - size % 4, 4):
        k = int.from_bytes(key[at : at + 4], "little") * M & MASK
        k = (k ^ k >> R) * M & MASK
        h = (h * M & MASK) ^ k
    if rest := key[size - size % 4 :]:
        h = (h ^ int.from_bytes(rest, "little")) * M & MASK
    h = (h ^ h >> 13) * M & MASK
    return h ^ h >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition a key belongs to."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
