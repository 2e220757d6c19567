"""Decompression with a limit: aiokafka 0.14 unpacks a batch to whatever size it says, in memory.

A batch of 1 MB may hold 10 GB of zeros, and a broker takes it: only what is compressed counts for `max.message.bytes`.
"""

import threading
import zlib
from collections.abc import Callable

import cramjam
from aiokafka.record import default_records, legacy_records
from aiokafka.record._crecords import default_records as fast_records
from aiokafka.record._crecords import legacy_records as fast_legacy

BATCH_BYTES_MAX = 8_000_000  # of one batch's records, unpacked: as large as a record that is not compressed may be

GZIP = 31  # zlib's windowBits for one member of a gzip file
MEMBERS_MAX = 16  # producers write one; of very many each would be copied again and again
XERIAL, XERIAL_BYTES = b"\x82SNAPPY\x00", 16  # how Java's snappy frames its blocks

_thread = threading.local()  # Faust reads in a thread of its own


class TooLarge(ValueError):
    """The records of a batch are larger than the limit."""

    def __init__(self) -> None:
        super().__init__(f"its records have more than {BATCH_BYTES_MAX:,} bytes")


def gunzip(payload: bytes | memoryview) -> bytes:
    """All members of a gzip file. Raises ValueError or zlib.error where it cannot be read."""
    rest, unpacked = bytes(payload), b""
    for _ in range(MEMBERS_MAX):
        member = zlib.decompressobj(GZIP)
        unpacked += member.decompress(rest, BATCH_BYTES_MAX + 1 - len(unpacked))
        if len(unpacked) > BATCH_BYTES_MAX:
            raise TooLarge
        if not member.eof:
            raise ValueError("its gzip file is cut off")
        if not (rest := member.unused_data):
            return unpacked
    raise ValueError(f"its gzip file has more than {MEMBERS_MAX} members")


def unsnap(payload: bytes) -> bytes:
    """Snappy, bare or in Java's frames. Raises ValueError or cramjam's error where it cannot be read."""
    if not payload.startswith(XERIAL):
        return _snappy_block(payload, 0)
    at, blocks, size = XERIAL_BYTES, list[bytes](), 0
    while at < len(payload):
        length = int.from_bytes(payload[at : at + 4], "big")
        blocks.append(_snappy_block(payload[at + 4 : at + 4 + length], size))
        size += len(blocks[-1])
        at += 4 + length
    return b"".join(blocks)


def unlz4(payload: bytes) -> bytes:
    """Frames of LZ4. Raises ValueError or cramjam's error where it cannot be read."""
    return _unpacked_into_buffer(cramjam.lz4.decompress_into, payload)


def unzstd(payload: bytes) -> bytes:
    """Frames of Zstandard. Raises ValueError or cramjam's error where it cannot be read."""
    return _unpacked_into_buffer(cramjam.zstd.decompress_into, payload)


def _snappy_block(block: bytes, before: int) -> bytes:
    if before + cramjam.snappy.decompress_raw_len(block) > BATCH_BYTES_MAX:
        raise TooLarge
    return bytes(cramjam.snappy.decompress_raw(block))


def _unpacked_into_buffer(unpack: Callable[[bytes, bytearray], int], payload: bytes) -> bytes:
    """Unpacks into a buffer of the thread, so that too large a payload is refused before it takes memory."""
    if not hasattr(_thread, "buffer"):
        _thread.buffer = bytearray(BATCH_BYTES_MAX)
    try:
        size = unpack(payload, _thread.buffer)
    except cramjam.DecompressionError as error:
        if "failed to write whole buffer" in str(error):
            raise TooLarge from error
        raise
    return bytes(memoryview(_thread.buffer)[:size])


def install() -> None:
    """Every consumer of this process unpacks with these functions from now on."""
    for module in (default_records, fast_records, legacy_records, fast_legacy):
        module.gzip_decode, module.snappy_decode, module.lz4_decode = gunzip, unsnap, unlz4
    for module in (default_records, fast_records):
        module.zstd_decode = unzstd
