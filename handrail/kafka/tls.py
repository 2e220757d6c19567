"""TLS to the brokers, with certificates that are renewed while a process runs.

A connection that is made after the files changed uses what is in them then; those that are open go on.
"""

import logging
import ssl
import threading
from pathlib import Path
from typing import Any, Self

from handrail.kafka.secret_file import checked, readable
from handrail.schemas.errors import ConfigError

log = logging.getLogger(__name__)

Stamp = tuple[tuple[int, int, int], ...]


class RenewedContext(ssl.SSLContext):
    """What aiokafka takes as `ssl_context`: each handshake is that of the files as they are then.

    While new files cannot be used (a certificate that was replaced before its key), the ones before stay in use.

    Parameters
    ----------
    ca : Path, optional
        Certificates of the authorities that brokers are trusted by. Default: those of the system.
    cert, key : Path, optional
        This client's certificate, with those in between, and its key, not encrypted; both or none.

    Raises
    ------
    ConfigError
        A file is missing, unreadable, open to everybody, no PEM, or key and certificate do not fit.
    """

    def __new__(cls, ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_CLIENT)

    def __init__(self, ca: Path | None = None, cert: Path | None = None, key: Path | None = None) -> None:
        self.cert = cert
        self._files = (ca, cert, key)
        self._lock = threading.Lock()
        self._stamp = _stamp(self._files)
        self._now = _context(*self._files)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """As asyncio calls it, once for each connection."""
        return self.current().wrap_bio(*arguments, **options)

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """The same for a plain socket."""
        return self.current().wrap_socket(*arguments, **options)

    def current(self) -> ssl.SSLContext:
        """The context of the files as they are now, or as they were when they could be used last."""
        with self._lock:
            try:
                if (stamp := _stamp(self._files)) != self._stamp:
                    self._now, self._stamp = _context(*self._files), stamp
            except ConfigError as error:
                log.warning("%s; the certificates that were there before stay in use", error)
            return self._now


def _stamp(files: tuple[Path | None, ...]) -> Stamp:
    """Differs when a file was written, or another one lies there or is linked to there."""
    return tuple(_of(path) for path in files if path is not None)


def _of(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return (0, 0, 0)  # what is wrong with it is said where it is read
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def _context(ca: Path | None, cert: Path | None, key: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH)
    if ca is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # that authority, and not those of the system beside it
        readable("kafka_ca_file", ca)
        try:
            context.load_verify_locations(ca)
        except ssl.SSLError:
            raise ConfigError(f"kafka_ca_file: {ca}: no certificate in PEM: give the authority's certificate") from None
    if cert is not None and key is not None:
        _identify(context, cert, key)
    return context


def _identify(context: ssl.SSLContext, cert: Path, key: Path) -> None:
    readable("kafka_cert_file", cert)
    if b"ENCRYPTED" in readable("kafka_key_file", checked("kafka_key_file", key)):
        raise ConfigError(f"kafka_key_file: {key}: the key is encrypted: give one without a passphrase, of mode 600")
    try:
        context.load_cert_chain(cert, key)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ConfigError(
                f"kafka_key_file: {key}: does not fit the certificate of kafka_cert_file {cert}: give its key"
            ) from None
        raise ConfigError(
            f"kafka_cert_file {cert}, kafka_key_file {key}: no certificate or no key in PEM: give both in PEM"
        ) from None
