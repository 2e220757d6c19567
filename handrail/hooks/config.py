"""hooks.yaml: where webhooks go, and what ticket systems may send. All of it is checked before anything starts."""

from base64 import b64decode
from binascii import Error
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from handrail.hooks import template
from handrail.hooks.address import is_literal, is_public
from handrail.hooks.template import checked
from handrail.policies import yaml12
from handrail.schemas.errors import ConfigError

HOOKS_MAX = 20  # each has a consumer group of its own
SOURCES_MAX = 20
FILE_BYTES_MAX = 100_000
SECRET_FILE_BYTES_MAX = 4_096
SECRET_PREFIX = "whsec_"
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64
SECRETS_MAX = 3  # of one endpoint: the one that counts, and those it replaces
SECRET_HINT = 'make one with: echo "whsec_$(openssl rand -base64 32)"'
NAME = r"^[a-z0-9][a-z0-9_-]{0,39}$"
HEADER_NAME = r"^[A-Za-z0-9-]{1,64}$"

Kind = Literal[
    "handoff.opened", "handoff.updated", "handoff.revised", "handoff.closed", "handoff.claimed", "resolution", "alert"
]  # fmt: skip
Named = Annotated[str, Field(pattern=NAME)]
HeaderName = Annotated[str, Field(pattern=HEADER_NAME)]
Pointer = Annotated[str, AfterValidator(checked)]


def _template(value: Any) -> Any:
    template.check(value)
    return value


Template = Annotated[Any, AfterValidator(_template)]
TextTemplate = Annotated[str, AfterValidator(_template)]


class Part(BaseModel):
    """A part of the file; what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FromFile(Part):
    """A value that stands in a file, and not in hooks.yaml."""

    file: Path


class Retry(Part):
    """When a failed delivery is tried again: after `first_s`, then twice as long each time, up to `longest_s`.

    Each wait is a random part of that, at least half of it. Given up `give_up_s` after the first attempt.
    """

    first_s: Annotated[float, Field(gt=0, le=3600)] = 5.0
    longest_s: Annotated[float, Field(gt=0, le=86_400)] = 3600.0
    give_up_s: Annotated[float, Field(gt=0, le=604_800)] = 86_400.0


class Hook(Part):
    """One endpoint that gets webhooks."""

    name: Named
    url: TextTemplate
    method: Literal["POST", "PUT", "PATCH"] = "POST"
    secret_file: Path | None = None
    records: Annotated[tuple[Kind, ...], Field(min_length=1)] = (
        "handoff.opened",
        "handoff.updated",
        "handoff.revised",
        "handoff.closed",
        "handoff.claimed",
        "resolution",
        "alert",
    )
    queues: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    headers: Mapping[HeaderName, TextTemplate | FromFile] = {}
    body: Template = None
    since: Literal["now", "beginning"] = "now"
    private: bool = False
    ca_file: Path | None = None
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 15.0
    at_once: Annotated[int, Field(ge=1, le=64)] = 8
    retry: Retry = Retry()

    @model_validator(mode="after")
    def _url_is_safe(self) -> "Hook":
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.fragment:
            raise ValueError("url: must be https://HOST/PATH without a login in it: put one into headers")
        if template.has_slots(parts.netloc) or "{" in parts.netloc:
            raise ValueError("url: scheme and host cannot come from a record: write {{…}} into the path only")
        if parts.scheme == "http" and not self.private:
            raise ValueError("url: http is for a private network only: use https, or set private: true")
        if is_literal(parts.hostname) and not self.private and not is_public(parts.hostname):
            raise ValueError(f"url: {parts.hostname} is not public: set private: true where that is meant")
        return self


class Hmac(Part):
    """A signature over the body, with or without a time before it."""

    kind: Literal["hmac"]
    secret_file: Path
    header: HeaderName
    digest: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    timestamp_header: HeaderName | None = None
    between: str = ""
    tolerance_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0


class Standard(Part):
    """Standard Webhooks 1.0.0."""

    kind: Literal["standard"]
    secret_file: Path
    tolerance_s: Annotated[float, Field(gt=0, le=86_400)] = 300.0


class Token(Part):
    """A token that both sides know."""

    kind: Literal["token"]
    secret_file: Path
    header: HeaderName = "Authorization"
    prefix: str = "Bearer "


Verify = Annotated[Hmac | Standard | Token, Field(discriminator="kind")]


class When(Part):
    """What must stand at a place of the body for a rule to apply; all that is given must hold."""

    at: Pointer
    equals: Any = None
    one_of: tuple[Any, ...] = ()
    contains: Any = None
    lacks: Any = None
    starts: str | None = None
    exists: bool | None = None


def _at(value: Any) -> Any:
    return {"at": value} if isinstance(value, str) else value


class Value(Part):
    """Where a field comes from: a place in the body (`/a/b` for short), or a fixed `value`."""

    at: Pointer | None = None
    value: Any = None
    part: Annotated[int, Field(ge=0, le=9)] | None = None
    of: Annotated[int, Field(ge=2, le=10)] = 2
    split: Annotated[str, Field(min_length=1, max_length=8)] = " "
    map: Mapping[str, Any] | None = None
    default: Any = None
    is_: Annotated[Literal["text", "plain", "time", "number", "integer", "boolean", "list"], Field(alias="is")] = "text"
    prefix: str = ""

    @model_validator(mode="after")
    def _one_origin(self) -> "Value":
        if (self.at is None) == (self.value is None):
            raise ValueError("must have either at (a JSON pointer) or value")
        if self.part is not None and self.part >= self.of:
            raise ValueError(f"part: must be below of ({self.of})")
        return self


Mapped = Annotated[Value, BeforeValidator(_at)]


class Rule(Part):
    """What a body becomes for which all of `when` holds."""

    when: tuple[When, ...] = ()
    record: Literal["resolution", "claimed"]
    fields: Mapping[str, Mapped]


class Source(Part):
    """One ticket system that may send: POST /in/NAME."""

    name: Named
    verify: Verify
    delivery: Pointer
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, max_length=50)]


class Config(Part):
    """All of hooks.yaml."""

    hooks: Annotated[tuple[Hook, ...], Field(max_length=HOOKS_MAX)] = ()
    sources: Annotated[tuple[Source, ...], Field(max_length=SOURCES_MAX)] = ()

    @model_validator(mode="after")
    def _names_are_distinct(self) -> "Config":
        for kind, names in (
            ("hooks", [entry.name for entry in self.hooks]),
            ("sources", [entry.name for entry in self.sources]),
        ):
            if twice := {name for name in names if names.count(name) > 1}:
                raise ValueError(f"{kind}: {', '.join(sorted(twice))}: each name once")
        if not self.hooks and not self.sources:
            raise ValueError("names neither hooks nor sources: write at least one")
        return self


def load(path: Path) -> Config:
    """The file, checked. Raises ConfigError: file, place, what to write."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}: give the file that names hooks and sources") from error
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigError(f"{path}: has {len(raw)} bytes, at most {FILE_BYTES_MAX} are read")
    value, mistakes = yaml12.read(str(path), raw.decode(errors="replace"))
    if mistakes.entries:
        raise ConfigError(str(mistakes.errors(str(path))[0]))
    try:
        return Config.model_validate(value)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_line(error)}") from None


def text_of(path: Path, base: Path) -> str:
    """What a file holds that hooks.yaml names, without the space around it; `base` is the folder of hooks.yaml.

    Raises ConfigError.
    """
    full_path = base / path
    try:
        text = full_path.read_bytes()[:SECRET_FILE_BYTES_MAX].decode("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{full_path}: {getattr(error, 'strerror', None) or 'is no text'}: it is named in the hooks file"
        ) from None
    if not text:
        raise ConfigError(f"{full_path}: is empty: write the secret into it")
    return text


def secrets_of(text: str) -> tuple[bytes, ...]:
    """The secrets of a file, one a line, the newest first. Raises ValueError with what to write."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= SECRETS_MAX:
        raise ValueError(f"holds {len(lines)} secrets, must hold 1 to {SECRETS_MAX}, one a line: {SECRET_HINT}")
    return tuple(_secret(line) for line in lines)


def _secret(line: str) -> bytes:
    try:
        secret = b64decode(line.removeprefix(SECRET_PREFIX), validate=True)
    except (Error, ValueError):
        secret = b""
    if not line.startswith(SECRET_PREFIX) or not SECRET_BYTES_MIN <= len(secret) <= SECRET_BYTES_MAX:
        size = f"{SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes"
        raise ValueError(f"a line is not {SECRET_PREFIX} and {size} in base64: {SECRET_HINT}")
    return secret


def secrets(path: Path, base: Path) -> tuple[bytes, ...]:
    """The secrets of an endpoint. Raises ConfigError."""
    try:
        return secrets_of(text_of(path, base))
    except ValueError as error:
        raise ConfigError(f"{base / path}: {error}") from None


def _line(error: ValidationError) -> str:
    mistakes = error.errors(include_url=False)
    first = mistakes[0]
    place = ""
    for step in first["loc"]:
        place += f"[{step}]" if isinstance(step, int) else f".{step}" if place else str(step)
    what = (
        first["msg"]
        .removeprefix("Value error, ")
        .replace("Input should be", "must be")
        .replace("a valid tuple", "a list")
    )
    if first["type"] == "extra_forbidden":
        what = "is not known here"
    elif first["type"] == "missing":
        what = "is missing"
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return f"{place}: {what}{more}" if place else f"{what}{more}"
