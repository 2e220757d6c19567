"""Where settings come from: options first, then HANDRAIL_* in the environment, then handrail.yaml, then defaults."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from handrail.schemas.errors import ConfigError

FILE = Path("handrail.yaml")


class Settings(BaseSettings):
    """One frozen object for each process; nothing else reads the environment."""

    model_config = SettingsConfigDict(env_prefix="HANDRAIL_", yaml_file=FILE, frozen=True, extra="ignore")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, YamlConfigSettingsSource(settings_cls)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Self:
        """The settings with these options; those that are None were not given. Raises ConfigError in one line."""
        given = {name: value for name, value in options.items() if value is not None}
        try:
            return cls(**given)
        except ValidationError as error:
            raise ConfigError("; ".join(_line(mistake, given) for mistake in error.errors())) from None
        except (yaml.YAMLError, OSError, UnicodeDecodeError, ValueError) as error:
            raise ConfigError(f"{FILE}: {' '.join(str(error).split())}: write `name: value` lines") from None


def _line(mistake: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    name = ".".join(str(part) for part in mistake["loc"])
    place = f"--{name.replace('_', '-')}" if name in given else f"HANDRAIL_{name.upper()} or {name} in {FILE}"
    return f"{place}: {mistake['msg'].replace('Input should be', 'must be')}, got {mistake['input']!r}"
