"""Produce batches as they stand, byte for byte: compressed, damaged, of codecs that nobody knows."""

import gzip
import struct

import cramjam
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.codec import lz4_encode
from aiokafka.errors import for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

CODECS = {"gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
HEADER_BYTES = 61  # of a batch before its records
ATTRIBUTES_AT, CRC_AT, CODEC_MASK = 21, 17, 7
LENGTH_AT = 8
TIMEOUT_MS = 10_000


def plain(key: bytes, values: list[bytes]) -> bytes:
    """A batch of these records, not compressed."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1 << 30)
    for at, value in enumerate(values):
        builder.append(at, 1_764_000_000_000 + at, key, value, [])
    return bytes(builder.build())


def compressed(name: str, key: bytes, values: list[bytes]) -> bytes:
    """A batch of these records by one of CODECS, as other programs than aiokafka make it."""
    whole = plain(key, values)
    pack = {
        "gzip": gzip.compress,
        "snappy": lambda data: bytes(cramjam.snappy.compress_raw(data)),
        "lz4": lz4_encode,
        "zstd": lambda data: bytes(cramjam.zstd.compress(data)),
    }[name]
    return of_codec(whole, CODECS[name], pack(whole[HEADER_BYTES:]))


def of_codec(whole: bytes, codec: int, payload: bytes) -> bytes:
    """The batch `whole`, with this codec in its attributes and this in the place of its records; its checksum fits."""
    found = bytearray(whole[:HEADER_BYTES] + payload)
    struct.pack_into(">i", found, LENGTH_AT, len(found) - LENGTH_AT - 4)
    struct.pack_into(">h", found, ATTRIBUTES_AT, codec)
    return bytes(checked(found))


def checked(batch: bytearray) -> bytearray:
    """The same, with the checksum that fits."""
    struct.pack_into(">I", batch, CRC_AT, calc_crc32c(memoryview(batch)[ATTRIBUTES_AT:]))
    assert DefaultRecordBatch(bytes(batch)).validate_crc()
    return batch


async def produce(bootstrap: str, topic: str, partition: int, batch: bytes) -> int:
    """The offset that the broker gave to its first record. Raises the error that it answers."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    try:
        await client.bootstrap()
        await client._wait_on_metadata(topic)
        leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
        request = ProduceRequest(None, -1, TIMEOUT_MS, [(topic, [(partition, batch)])])
        ((_, ((_, code, offset, *_),)),) = (await client.send(leader, request)).topics
        if code:
            raise for_code(code)
        return int(offset)
    finally:
        await client.close()
