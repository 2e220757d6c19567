"""Where settings come from: options first, then HANDRAIL_* in the environment, then handrail.yaml, then defaults."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from handrail.schemas.errors import ConfigError
from handrail.streams.settings_file import FILE, SettingsFile, load

PREFIX = "HANDRAIL_"


class Settings(BaseSettings):
    """One frozen object for each process; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, _from_file(settings_cls, load())

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The settings with these options; those that are None were not given. Raises ConfigError in one line."""
        given = {name: value for name, value in options.items() if value is not None}
        try:
            return cls(**given)
        except ValidationError as error:
            file, origins = load(), cls.origins(options)
            raise ConfigError("; ".join(_line(mistake, origins, file) for mistake in error.errors())) from None
        except SettingsError as error:
            raise ConfigError(f"{' '.join(str(error).split())}: write it as JSON") from None

    @classmethod
    def named(cls) -> list[str]:
        """Every setting that the environment or the file names, also those that no class has. Bad YAML raises."""
        variables = [name for name in os.environ if name.upper().startswith(PREFIX)]
        return [name[len(PREFIX) :].lower() for name in variables] + list(load().values)

    @classmethod
    def origins(cls, options: Mapping[str, Any]) -> dict[str, str]:
        """Where each setting comes from: an option, a variable of the environment, the file, or the default."""
        environment, file = EnvSettingsSource(cls)(), _from_file(cls, load())()
        return {name: _origin(name, options, environment, file) for name in cls.model_fields}


def _from_file(kind: type[BaseSettings], file: SettingsFile) -> InitSettingsSource:
    return InitSettingsSource(kind, dict(file.values))


def environment_without(*names: str) -> dict[str, str]:
    """The environment for another process of Handrail, without these settings."""
    dropped = {variable(name) for name in names}
    return {name: value for name, value in os.environ.items() if name.upper() not in dropped}


def variable(name: str) -> str:
    """The variable of the environment that holds a setting."""
    return f"{PREFIX}{name.upper()}"


def _origin(name: str, options: Mapping[str, Any], environment: Mapping[str, Any], file: Mapping[str, Any]) -> str:
    if options.get(name) is not None:
        return f"--{name.replace('_', '-')}"
    if name in environment:
        return variable(name)
    return str(FILE) if name in file else "default"


def _line(mistake: Mapping[str, Any], origins: Mapping[str, str], file: SettingsFile) -> str:
    place = _place(mistake["loc"], origins, file)
    return f"{place}: {mistake['msg'].replace('Input should be', 'must be')}, got {mistake['input']!r}"


def _place(steps: Sequence[str | int], origins: Mapping[str, str], file: SettingsFile) -> str:
    name = ".".join(map(str, steps))
    origin = origins.get(str(steps[0])) if steps else None
    if origin == str(FILE):
        return file.place(steps)
    return origin if origin and origin.startswith("--") and len(steps) == 1 else f"{variable(name)} or {name} in {FILE}"
