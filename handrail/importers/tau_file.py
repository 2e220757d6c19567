"""What a tau-bench or tau2-bench results file says, conversation by conversation.

Both are from Sierra Research: https://github.com/sierra-research/tau-bench, https://github.com/sierra-research/tau2-bench.
A tau2 file is an object with `simulations`; a tau1 file is a list of conversations with `traj`, and tells neither its
model nor its domain: both are taken from names such as `gpt-4o-airline.json`.
"""

import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import AliasChoices, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from handrail.schemas.decode import line
from handrail.schemas.errors import ConfigError, SchemaError

SUFFIXES = (".json.gz", ".json")
DOMAINS = re.compile(r"(?:^|[-_])(airline|retail|telecom)(?:[-_]|$)")
"""The domains of the benchmark, for files that name their domain in their file name only."""


def _text(value: Any) -> Any:
    """Task ids are numbers in one format and text in the other."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _object(value: Any) -> Any:
    """Arguments are an object in one format and JSON text in the other."""
    try:
        return orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError:
        return value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class RecordedCall(_Part):
    """One tool call; `requestor` is `user` where the customer acts in person."""

    id: str | None = None
    tool: str = Field(validation_alias=AliasChoices("name", AliasPath("function", "name")))
    arguments: Annotated[dict[str, Any], BeforeValidator(_object)] = Field(
        validation_alias=AliasChoices("arguments", AliasPath("function", "arguments"))
    )


class Usage(_Part):
    """Tokens of one LLM call."""

    prompt_tokens: int
    completion_tokens: int


class Message(_Part):
    """One message of the transcript, in the words of the file."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str | None = None
    tool_calls: tuple[RecordedCall, ...] | None = None
    answers: str | None = Field(None, validation_alias=AliasChoices("tool_call_id", "id"))
    error: bool | None = None
    timestamp: str | None = None
    usage: Usage | None = None
    cost: float | None = None


class Conversation(_Part):
    """One conversation as recorded; `reward` is the benchmark's verdict on it."""

    task_id: Annotated[str, BeforeValidator(_text)]
    trial: int | None = None
    messages: tuple[Message, ...] = Field(min_length=1, validation_alias=AliasChoices("messages", "traj"))
    termination_reason: str | None = None
    reward: float | None = Field(None, validation_alias=AliasChoices("reward", AliasPath("reward_info", "reward")))
    reward_breakdown: dict[str, float] | None = Field(
        None, validation_alias=AliasPath("reward_info", "reward_breakdown")
    )


@dataclass(frozen=True, slots=True)
class Setting:
    """What holds for a whole file: its name, the domain, the agent's model, and each task's ticket."""

    stem: str
    domain: str | None
    llm: str | None
    tickets: dict[str, str]


def stem_of(path: Path) -> str:
    """The file's name without `.json` or `.json.gz`. Raises ConfigError for other names."""
    for suffix in SUFFIXES:
        if path.name.endswith(suffix) and path.name != suffix:
            return path.name.removesuffix(suffix)
    raise ConfigError(f"{path}: is no recording by its name: give a .json or .json.gz file")


def read(path: Path) -> tuple[Setting, Iterator[tuple[str, Conversation]]]:
    """What holds for the file, and its conversations in order, each with its place in the file.

    Raises ConfigError where the file cannot be read, SchemaError where it is not what the format says; the iterator
    raises the latter too.
    """
    stem = stem_of(path)
    document = _parsed(path)
    if isinstance(document, list):
        return _setting_by_name(stem), _conversations(path, "", document)
    if isinstance(document, dict) and isinstance(document.get("simulations"), list):
        return _setting(stem, document), _conversations(path, "simulations", document["simulations"])
    raise SchemaError(f"{path}: is no tau recording: it must be a list, or an object with a list `simulations`")


def _parsed(path: Path) -> Any:
    try:
        value = path.read_bytes()
        return orjson.loads(gzip.decompress(value) if path.name.endswith(".gz") else value)
    except orjson.JSONDecodeError as error:
        raise SchemaError(f"{path}: is not JSON: {error}") from None
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise SchemaError(f"{path}: is no complete gzip file: {error}: fetch it again") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None


def _conversations(path: Path, root: str, items: list[Any]) -> Iterator[tuple[str, Conversation]]:
    for number, item in enumerate(items):
        place = f"{root}[{number}]"
        try:
            yield place, Conversation.model_validate(item)
        except ValidationError as error:
            raise SchemaError(f"{path}: {place}: {line(error)}") from None


def _setting(stem: str, document: dict[str, Any]) -> Setting:
    tasks = document.get("tasks")
    tickets = {
        str(task["id"]): task["ticket"]
        for task in (tasks if isinstance(tasks, list) else [])
        if isinstance(task, dict) and "id" in task and isinstance(task.get("ticket"), str)
    }
    domain = _at(document, "info", "environment_info", "domain_name")
    return Setting(stem, domain, _at(document, "info", "agent_info", "llm"), tickets)


def _setting_by_name(stem: str) -> Setting:
    match = DOMAINS.search(stem)
    llm = stem[: match.start()].removeprefix("tau1_") if match else ""
    return Setting(stem, match[1] if match else None, llm or None, {})


def _at(value: Any, *keys: str) -> str | None:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None
