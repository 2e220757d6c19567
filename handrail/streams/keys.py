"""Signing keys in files: read, and made where there is none."""

import os
from contextlib import suppress
from pathlib import Path

from handrail.schemas.errors import ConfigError
from handrail.schemas.keys import SigningKey

KEY_FILE = "signing.key"  # in the data folder of `up` and `demo`
MODE = 0o600
SECRET_BYTES = 32


def read_key(path: Path) -> SigningKey:
    """The key of a file. Raises ConfigError."""
    try:
        return SigningKey.of_pem(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: make a key with `handrail keys new {path}`") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def key_of(path: Path | None) -> SigningKey | None:
    """The key of a file that was named; None where none was."""
    return None if path is None else read_key(path)


def new_key(path: Path) -> SigningKey:
    """A key in a new file that only its owner can read, and its public part beside it, `FILE.pub`.

    Raises ConfigError where the file is there already, or cannot be written.
    """
    key = SigningKey(os.urandom(SECRET_BYTES))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "wb") as file:
            file.write(key.pem)
            file.flush()
            os.fsync(file.fileno())
        public_path(path).write_text(f"{key.public.line} {path.stem}\n")
    except FileExistsError:
        raise ConfigError(f"{path}: is there already: give another name, a key is never overwritten") from None
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise ConfigError(f"{path}: {error.strerror}: give a file in a folder that can be written") from error
    return key


def public_path(path: Path) -> Path:
    """Where the public part of a key lies."""
    return path.with_name(f"{path.name}.pub")


def load_or_make_key(path: Path) -> SigningKey:
    """The key of a file, made now where there is none. Raises ConfigError."""
    return read_key(path) if path.exists() else new_key(path)
