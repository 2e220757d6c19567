"""What a producer compressed, with an end: aiokafka 0.14 unpacks a batch to whatever it says, in memory.

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

_held = threading.local()  # Faust reads in a thread of its own


class TooLarge(ValueError):
    """A batch has more records than anybody reads."""

    def __init__(self) -> None:
        super().__init__(f"its records have more than {BATCH_BYTES_MAX:,} bytes")


def gunzip(payload: bytes | memoryview) -> bytes:
    """All members of a gzip file. Raises ValueError or zlib.error where it cannot be read."""
    rest, found = bytes(payload), b""
    for _ in range(MEMBERS_MAX):
        member = zlib.decompressobj(GZIP)
        found += member.decompress(rest, BATCH_BYTES_MAX + 1 - len(found))
        if len(found) > BATCH_BYTES_MAX:
            raise TooLarge
        if not member.eof:
            raise ValueError("its gzip file is cut off")
        if not (rest := member.unused_data):
            return found
    raise ValueError(f"its gzip file has more than {MEMBERS_MAX} members")


def unsnap(payload: bytes) -> bytes:
    """Snappy, bare or in Java's frames. Raises ValueError or cramjam's error where it cannot be read."""
    if not payload.startswith(XERIAL):
        return _unsnapped(payload, 0)
    at, blocks, size = XERIAL_BYTES, list[bytes](), 0
    while at < len(payload):
        length = int.from_bytes(payload[at : at + 4], "big")
        blocks.append(_unsnapped(payload[at + 4 : at + 4 + length], size))
        size += len(blocks[-1])
        at += 4 + length
    return b"".join(blocks)


def unlz4(payload: bytes) -> bytes:
    """Frames of LZ4. Raises ValueError or cramjam's error where it cannot be read."""
    return _into(cramjam.lz4.decompress_into, payload)


def unzstd(payload: bytes) -> bytes:
    """Frames of Zstandard. Raises ValueError or cramjam's error where it cannot be read."""
    return _into(cramjam.zstd.decompress_into, payload)


def _unsnapped(block: bytes, before: int) -> bytes:
    if before + cramjam.snappy.decompress_raw_len(block) > BATCH_BYTES_MAX:
        raise TooLarge
    return bytes(cramjam.snappy.decompress_raw(block))


def _into(unpack: Callable[[bytes, bytearray], int], payload: bytes) -> bytes:
    """By way of a buffer that each thread keeps: what does not fit is refused before it is there."""
    if not hasattr(_held, "buffer"):
        _held.buffer = bytearray(BATCH_BYTES_MAX)
    try:
        size = unpack(payload, _held.buffer)
    except cramjam.DecompressionError as error:
        if "failed to write whole buffer" in str(error):
            raise TooLarge from error
        raise
    return bytes(memoryview(_held.buffer)[:size])


def install() -> None:
    """Every consumer of this process unpacks so from now on."""
    for module in (default_records, fast_records, legacy_records, fast_legacy):
        module.gzip_decode, module.snappy_decode, module.lz4_decode = gunzip, unsnap, unlz4
    for module in (default_records, fast_records):
        module.zstd_decode = unzstd
