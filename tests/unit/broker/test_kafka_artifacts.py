"""What a person reads who has no Java, no Maven or no network."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from handrail.schemas.errors import ConfigError
from infra.kafka import artifacts


def put_program(folder: Path, name: str, script: str) -> None:
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(
    ("present", "line"),
    [
        ([], "no java on the PATH: apt-get install openjdk-17-jre-headless"),
        (["java"], "no mvn on the PATH: apt-get install maven"),
    ],
)
def test_a_missing_program_is_named_with_its_package(
    present: list[str], line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in present:
        put_program(tmp_path, name, "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=line):
        artifacts.fetch(tmp_path / "cache")


def test_jars_that_are_there_need_no_maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_program(tmp_path, "java", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    libs = tmp_path / "cache" / "libs"
    libs.mkdir(parents=True)
    assert artifacts.fetch(tmp_path / "cache") == libs


def test_what_maven_complains_of_is_quoted_and_nothing_half_fetched_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program(tmp_path, "java", "exit 0")
    put_program(tmp_path, "mvn", "echo '[ERROR] Could not transfer artifact'; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        ConfigError, match=r"could not fetch it: \[ERROR\] Could not transfer artifact: check the network"
    ):
        artifacts.fetch(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_version_in_the_messages_is_the_one_maven_fetches() -> None:
    pom = ElementTree.parse(Path(artifacts.__file__).with_name("pom.xml"))
    names = {"m": "http://maven.apache.org/POM/4.0.0"}
    assert pom.findtext("m:properties/m:kafka.version", namespaces=names) == artifacts.VERSION
