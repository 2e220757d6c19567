"""`docs/security.md`, followed: its files are written, its commands print what stands there, its settings load."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from handrail.acl.acls import Granted, acls_of
from handrail.acl.roles import rights_of
from handrail.kafka.login import LoginSettings, check
from infra.kafka.secured import ADMIN, SecuredCluster
from tests.docs.pages import File, steps
from tests.infra import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text()
COMMAND_S_MAX = 60


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def commands() -> list[tuple[str, str]]:
    """Each command, and what it prints."""
    parts = [part for block in blocks("text") for part in re.split(r"^\$ ", block, flags=re.MULTILINE) if part]
    return [(command, printed) for command, _, printed in (part.partition("\n") for part in parts)]


@pytest.mark.long
@pytest.mark.kafka
@pytest.mark.apache
def test_rights_are_set_as_the_page_says(secured: SecuredCluster, tmp_path: Path) -> None:
    here = {"kafka-1:9093": secured.addresses("SASL_SSL"), "/etc/handrail/": f"{secured.folder}/"}
    asyncio.run(_nothing_granted(secured, "User:refunds-agent"))
    for file in (step for step in steps(PAGE) if isinstance(step, File)):
        (tmp_path / file.name).write_text(_there(file.text, here))
    assert len(commands()) == 4
    for command, printed in commands():
        done = subprocess.run(
            [sys.executable, "-m", *command.split()],
            cwd=tmp_path,
            env=_environment(),
            timeout=COMMAND_S_MAX,
            capture_output=True,
            text=True,
        )
        assert done.stdout == _there(printed, here), done.stderr
        assert done.returncode == ("missing" in printed)


def test_the_settings_of_each_service_fit_together() -> None:
    found = [yaml.safe_load(block) for block in blocks("yaml")]
    assert len(found) == 6
    for settings in found:
        assert settings.keys() - {"bootstrap"} <= LoginSettings.model_fields.keys()
        check(LoginSettings(**settings))


async def _nothing_granted(secured: SecuredCluster, principal: str) -> None:
    async with acls_of(secured.scram(ADMIN)) as acls:
        await acls.remove(Granted(right, principal) for right in rights_of("agent"))


def _there(text: str, here: dict[str, str]) -> str:
    for usual, real in here.items():
        text = text.replace(usual, real)
    return text


def _environment() -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if not name.startswith("HANDRAIL_")}, "COLUMNS": "120"}
