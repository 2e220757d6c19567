"""An authority of certificates that is made anew for each test cluster, and what it signs, as PEM files."""

import datetime
import ipaddress
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
LOOPBACK = ("127.0.0.1", "localhost")


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key, in a file each; `store` has both, as a broker reads them."""

    cert: Path
    key: Path
    store: Path


class Authority:
    """Signs certificates of clients and brokers into a folder."""

    def __init__(self, folder: Path, name: str = "test authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._name, self._key = folder, _name(name), ec.generate_private_key(ec.SECP256R1())
        self.ca = folder / "ca.pem"
        made = self._begun(self._name, self._key.public_key(), DAY).add_extension(x509.BasicConstraints(True, 0), True)
        self.ca.write_bytes(made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def certificate(
        self,
        name: str,
        hosts: tuple[str, ...] = LOOPBACK,
        life: datetime.timedelta = DAY,
        file: str | None = None,
    ) -> Certificate:
        """A certificate of that common name, for these hosts; it ended already where `life` is negative.

        Another one of the same `file` replaces the one before, key first.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = x509.SubjectAlternativeName([_host(host) for host in hosts])
        made = self._begun(_name(name), key.public_key(), life).add_extension(alternatives, False)
        cert_pem = made.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        key_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        stem = file or name
        found = Certificate(*(self._folder / f"{stem}{end}" for end in (".pem", ".key", ".store.pem")))
        for path, pem in ((found.key, key_pem), (found.cert, cert_pem), (found.store, key_pem + cert_pem)):
            path.touch(mode=0o600)
            path.write_bytes(pem)
        return found

    def _begun(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, life: datetime.timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 2 * DAY)
            .not_valid_after(now + life)
        )


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
