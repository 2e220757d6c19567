"""docker-compose.yml and the Dockerfile, as far as they can be checked without Docker."""

import re
import shlex
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from handrail.cli import main
from handrail.streams.address import host_port
from handrail.streams.engine.settings import WorkerSettings
from handrail.streams.sink.settings import SinkSettings
from tests.infra import ROOT

COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONCE = {"key"}  # it makes something, and ends
OURS = {"worker": WorkerSettings, "sink": SinkSettings}
PINNED = re.compile(r"^[\w./-]+:v?\d+\.\d+\.\d+(-[\w.-]+)?(@sha256:[0-9a-f]{64})?$")
LINES = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text()).splitlines()


def filled(text: str) -> str:
    """`${NAME:-default}` as it is where NAME is not set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_and_bounded(name: str) -> None:
    service = SERVICES[name]
    assert PINNED.match(service["image"])
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory"}


@pytest.mark.parametrize("name", sorted(SERVICES.keys() - ONCE))
def test_a_service_that_runs_is_watched_and_started_again(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert int(service["stop_grace_period"].removesuffix("s")) >= 30


def test_nothing_listens_beyond_this_machine() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", ())]
    assert len(ports) == 3
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_no_password_is_in_the_file() -> None:
    names = [name for service in SERVICES.values() for name in service.get("environment", ())]
    assert not [name for name in names if re.search("PASSWORD|SECRET|TOKEN|KEY", name)]


def test_what_is_mounted_is_there_and_data_is_kept() -> None:
    mounts = [filled(volume).split(":") for service in SERVICES.values() for volume in service.get("volumes", ())]
    folders = [mount for mount in mounts if mount[0].startswith(".")]
    assert all((ROOT / mount[0]).is_dir() and mount[2] == "ro" for mount in folders)
    assert {mount[0] for mount in mounts if mount not in folders} == set(COMPOSE["volumes"])
    assert SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"] in {mount[1] for mount in mounts}


def test_whoever_needs_another_waits_until_it_is_healthy() -> None:
    for service in SERVICES.values():
        for other, how in service.get("depends_on", {}).items():
            ends = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how == {"condition": ends}
            assert other in ONCE or "healthcheck" in SERVICES[other]


@pytest.mark.parametrize("name", OURS)
def test_a_command_is_one_that_the_command_line_takes(name: str) -> None:
    first, *arguments = SERVICES[name]["command"]
    command = main.get_command(click.Context(main), first)
    assert isinstance(command, click.Command)
    there = {
        "/policies": str(ROOT / "handrail" / "policies" / "packs"),
        "/data": str(ROOT),
        "/keys/signing.key": "signing.key",
    }
    found = command.make_context(first, [there.get(word, word) for word in arguments])
    assert found.params


@pytest.mark.parametrize("name", OURS)
def test_an_environment_is_of_settings_that_there_are(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = SERVICES[name]["environment"]
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    settings = OURS[name].of({})
    assert {variable.removeprefix("HANDRAIL_").lower() for variable in environment} <= settings.model_fields_set
    assert f"INSIDE://{settings.bootstrap}" in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


@pytest.mark.parametrize("name", OURS)
def test_a_healthcheck_asks_the_port_that_is_served(name: str) -> None:
    program = SERVICES[name]["healthcheck"]["test"][-1]
    compile(program, "healthcheck", "exec")
    _, port = host_port(SERVICES[name]["environment"]["HANDRAIL_HTTP"])
    assert f"http://127.0.0.1:{port}/healthz" in program
    assert program in next(line for line in LINES if line.startswith("HEALTHCHECK"))


def test_kafka_is_the_version_that_is_tested() -> None:
    from infra.kafka.artifacts import VERSION

    assert SERVICES["kafka"]["image"] == f"apache/kafka:{VERSION}"


def test_the_services_image_has_the_projects_version() -> None:
    version = CliRunner().invoke(main, ["--version"]).output.split()[-1]
    assert {SERVICES[name]["image"] for name in OURS} == {f"handrail:{version}"}


def test_the_file_is_a_compose_file() -> None:
    schemas = pytest.importorskip("check_jsonschema.builtin_schemas", reason="needs check-jsonschema")
    import jsonschema

    # The specification is of draft 7, under an address by which jsonschema does not know it.
    jsonschema.Draft7Validator(schemas.get_builtin_schema("vendor.compose-spec")).validate(COMPOSE)


def test_what_the_image_is_built_from_is_there_and_sent() -> None:
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [
        word for line in LINES if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    ]
    assert set(copied) == sent
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_is_pinned_and_runs_as_nobody_special() -> None:
    assert [line for line in LINES if line.startswith("FROM ")] == ["FROM ${PYTHON} AS build", "FROM ${PYTHON}"]
    base = next(line for line in LINES if line.startswith("ARG PYTHON="))
    assert PINNED.match(base.removeprefix("ARG PYTHON="))
    assert re.search(r"^USER (?!0)\d+:(?!0)\d+$", "\n".join(LINES), re.MULTILINE)
    assert LINES.index("USER 10001:10001") < LINES.index('ENTRYPOINT ["handrail"]')


def test_the_image_installs_what_was_tested() -> None:
    install = next(line for line in LINES if "pip install" in line)
    words = shlex.split(install)
    assert words[words.index("--constraint") + 1] == "constraints.txt"
    assert "--no-cache-dir" in words
    assert words[-1] == ".[server]"


def test_the_images_fold_is_compiled_when_asked() -> None:
    hook = next(line for line in LINES if "pip install" in line)
    assert "HATCH_BUILD_HOOK_ENABLE_CUSTOM=${COMPILED} " in hook
    assert LINES.index("ARG COMPILED=false") > LINES.index("FROM ${PYTHON} AS build")
    assert next(line for line in LINES if "apt-get install" in line).find(" gcc libc6-dev;") > 0
