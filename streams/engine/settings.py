"""What a worker is told: options first, then HANDRAIL_* in the environment, then handrail.yaml, then these defaults."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource


class WorkerSettings(BaseSettings):
    """Nothing here changes a decision: what decides is in the bundle."""

    model_config = SettingsConfigDict(
        env_prefix="HANDRAIL_", yaml_file="handrail.yaml", frozen=True, extra="ignore", populate_by_name=True
    )

    bootstrap: str = Field("127.0.0.1:9092", min_length=1, description="Kafka's HOST:PORT, several with commas")
    policies: Path | None = Field(None, description="folder of policy files; without it the bundle that is active")
    group: str = Field("handrail", min_length=1, description="consumer group that the workers share")
    # Kafka's broker allows 6 s to 30 min. Half of Kafka's default: a dead worker's agents wait for it.
    session_timeout_s: float = Field(
        20.0, ge=1, description="a worker that is silent for so long has lost its partitions"
    )
    # Recovery of states runs beside this; what must end in time is what is being acknowledged.
    rebalance_timeout_s: float = Field(60.0, ge=1, description="a worker has so long to let partitions go")
    commit_interval_s: float = Field(0.5, gt=0, description="how often offsets are committed")

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
