"""Local users: a small file of names, roles and argon2id hashes, read again when it changes."""

import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from handrail import private
from handrail.desk.web.security import passwords
from handrail.desk.web.security.person import Role
from handrail.schemas.errors import ConfigError
from handrail.schemas.identity import twice

MODE = 0o600
BYTES_MAX = 4 * 1024**2
USERS_MAX = 10_000


def _argon2id(encoded: str) -> str:
    if not passwords.is_hash(encoded):
        raise ValueError("must be an argon2id hash: set it with `handrail desk users password`")
    return encoded


class User(BaseModel):
    """One local user. `id` is what stands on the log, so it is never given to somebody else."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$")]
    name: Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
    roles: Annotated[list[Role], Field(min_length=1)]
    password: Annotated[str, AfterValidator(_argon2id)]

    @property
    def stamp(self) -> str:
        """Changes with the password: sessions carry it."""
        return hashlib.sha256(self.password.encode()).hexdigest()


class UserFile(BaseModel):
    """What stands in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    users: Annotated[list[User], Field(max_length=USERS_MAX)]


def read(path: Path) -> dict[str, User]:
    """The users of a file by id; none where there is no file. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            raw = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: give a file that can be read") from None
    if mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(f"{path}: others on this machine may write it: run `chmod 600 {path}`")
    if len(raw) > BYTES_MAX:
        raise ConfigError(f"{path}: is larger than {BYTES_MAX} bytes: keep {USERS_MAX} users at most")
    return _parsed(path, raw)


def _parsed(path: Path, raw: bytes) -> dict[str, User]:
    try:
        listed = UserFile.model_validate_json(raw).users
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {place}: {first['msg']}: see `handrail desk users --help`") from None
    if (same := twice(user.id for user in listed)) is not None:
        raise ConfigError(f"{path}: users: {same[0]} and {same[1]} are one id, which is there twice: take one out")
    return {user.id: user for user in listed}


class Users:
    """The users as the file says now."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read: dict[str, User] = {}
        self._mark: tuple[int, ...] | None = None

    def now(self) -> dict[str, User]:
        """All users by id. Raises ConfigError where the file cannot be read: then nobody is let in by it."""
        mark = self._marked()
        if mark is None:
            self._read, self._mark = {}, None
        elif mark != self._mark:
            self._mark = None
            self._read = read(self.path)
            self._mark = mark
        return self._read

    def _marked(self) -> tuple[int, ...] | None:
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}: give a file that can be read") from None
        return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_mode


@contextmanager
def changing(path: Path) -> Iterator[dict[str, User]]:
    """The users, to be changed in place; written whole when the block ends well, by one process at a time.

    Readers see the old file or the new one, never half of one. Raises ConfigError.
    """
    try:
        private.made(path.parent)
        with path.with_name(f"{path.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            users = read(path)
            yield users
            _write(path, users)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: give a file in a folder that can be written") from None


def _write(path: Path, users: dict[str, User]) -> None:
    text = UserFile(users=[user for _, user in sorted(users.items())]).model_dump_json(indent=2) + "\n"
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(MODE)
        Path(name).replace(path)
        _sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
