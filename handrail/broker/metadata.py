"""The metadata of one broker: an open port means only that something listens."""

import io
import socket
import struct
from dataclasses import dataclass

from aiokafka.protocol.api import RequestHeader_v1
from aiokafka.protocol.metadata import MetadataRequest_v2

ANSWER_BYTES_MAX = 1 << 20


@dataclass(frozen=True, slots=True)
class Metadata:
    """A broker's metadata of its cluster; `brokers` holds the port of each node by its number."""

    cluster_id: str | None
    brokers: dict[int, int]


def ask(host: str, port: int, timeout_s: float = 2.0) -> Metadata:
    """The broker's metadata answer, by a plain socket, so that no event loop is needed.

    Raises
    ------
    OSError
        Nothing listens there, nothing answers in time, or what answers does not speak Kafka's protocol.
    """
    with socket.create_connection((host, port), timeout_s) as connection:
        connection.sendall(_framed(RequestHeader_v1(MetadataRequest_v2([])).encode() + MetadataRequest_v2([]).encode()))
        with connection.makefile("rb") as stream:
            return _read(stream)


def _framed(message: bytes) -> bytes:
    return struct.pack(">i", len(message)) + message


def _read(stream: io.BufferedReader) -> Metadata:
    try:
        (size,) = struct.unpack(">i", stream.read(4))
        if not 4 <= size <= ANSWER_BYTES_MAX:
            raise ValueError(f"an answer of {size} bytes")
        answer = MetadataRequest_v2.RESPONSE_TYPE.decode(io.BytesIO(stream.read(size)[4:]))
    except (struct.error, ValueError) as error:
        raise OSError(f"no metadata answer of a Kafka broker: {error}") from error
    return Metadata(answer.cluster_id, {node: port for node, _, port, _ in answer.brokers})
