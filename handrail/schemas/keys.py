"""Ed25519 keys (RFC 8032): a signer has one in a file of its own, a verifier has the public parts.

A private key is a file in PEM (PKCS 8). A public key is a line as in OpenSSH's `authorized_keys`:
`ssh-ed25519 AAAA… a name for people`. Its id is the start of the SHA-256 of its 32 bytes, so that nobody chooses it.
"""

from base64 import b64decode, b64encode
from binascii import Error
from hashlib import sha256
from typing import Literal, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from handrail.schemas.errors import ConfigError

ID_DIGITS = 16
PUBLIC_BYTES = 32
TYPE = "ssh-ed25519"
_HEAD = b"\x00\x00\x00\x0b" + TYPE.encode() + b"\x00\x00\x00\x20"  # RFC 8709, section 4

Use = Literal["decisions", "controls", "resolutions"]
USES: tuple[Use, ...] = ("decisions", "controls", "resolutions")


class PublicKey(NamedTuple):
    """What signatures are checked with."""

    raw: bytes  # 32 bytes

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits."""
        return sha256(self.raw).hexdigest()[:ID_DIGITS]

    @property
    def line(self) -> str:
        """`ssh-ed25519 AAAA…`, without a name."""
        return f"{TYPE} {b64encode(_HEAD + self.raw).decode()}"

    def holds(self, signature: bytes, message: bytes) -> bool:
        """Whether the owner of the private part has signed this message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


class SigningKey:
    """What is signed with. Its public part and its id are known to all."""

    def __init__(self, raw: bytes) -> None:
        """`raw` are the 32 secret bytes."""
        self._key = Ed25519PrivateKey.from_private_bytes(raw)
        self.public = PublicKey(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self.id = self.public.id

    def __repr__(self) -> str:
        return f"SigningKey({self.id})"

    @property
    def pem(self) -> bytes:
        """The secret, as it goes into a file."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, message: bytes) -> bytes:
        """64 bytes; the same for the same message."""
        return self._key.sign(message)

    @classmethod
    def of_pem(cls, pem: bytes) -> "SigningKey":
        """The key of a file. Raises ConfigError for anything but an Ed25519 key without a password."""
        try:
            key = load_pem_private_key(pem, password=None)
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError("is no Ed25519 key in PEM without a password: make one with `handrail keys new FILE`")
        return cls(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))


def public_of(line: str) -> PublicKey:
    """The key of a line `ssh-ed25519 AAAA… name`. Raises ConfigError."""
    kind, _, rest = line.strip().partition(" ")
    try:
        raw = b64decode(rest.split(" ", 1)[0], validate=True)
    except (Error, ValueError):
        raw = b""
    if kind != TYPE or not raw.startswith(_HEAD) or len(raw) != len(_HEAD) + PUBLIC_BYTES:
        raise ConfigError(f"must be `{TYPE} AAAA…`, as `handrail keys show` prints it, got {line.strip()[:40]!r}")
    return PublicKey(raw[len(_HEAD) :])
