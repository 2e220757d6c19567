"""Free loopback ports."""

import random
import socket

HOST = "127.0.0.1"

# Below the range that systems give to outgoing connections (from 32768 on Linux, 49152 on macOS): a port from there
# may be taken by any client between the choice and the broker's bind.
FIRST, LAST = 20_000, 32_767
TRIES_MAX = 200


def free_port() -> int:
    """A loopback port that nothing listened on a moment ago."""
    for _ in range(TRIES_MAX):
        port = random.randint(FIRST, LAST)
        if is_free(port):
            return port
    raise OSError(f"no free port found among {FIRST} to {LAST} on {HOST}")


def is_free(port: int) -> bool:
    """Whether a server could listen on that loopback port now."""
    with socket.socket() as probe:
        # As servers do: connections that have just been closed there do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True
