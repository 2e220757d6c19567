"""What the sink is told: options first, then HANDRAIL_* in the environment, then handrail.yaml, then these defaults."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource


class SinkSettings(BaseSettings):
    """Where the records come from, where the rows go, and how old what others read may be."""

    model_config = SettingsConfigDict(
        env_prefix="HANDRAIL_", yaml_file="handrail.yaml", frozen=True, extra="ignore", populate_by_name=True
    )

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
    data: Path = Field(Path("handrail-data"), description="folder of the database and its snapshot")
    snapshot_s: float = Field(10.0, gt=0, description="how often a snapshot is taken, when something has changed")

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
