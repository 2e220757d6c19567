"""Without its framework an adapter says in one line what to install; the others and the SDK do not need it."""

import subprocess
import sys

import pytest

ADAPTERS = {
    "langgraph": ("langgraph", "langchain"),
    "openai_agents": ("openai-agents", "agents"),
    "claude_agent": ("claude-agent", "claude_agent_sdk"),
    "litellm": ("litellm", "litellm"),
}


def python(program: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_missing_framework_is_named_with_the_extra_that_brings_it(adapter: str) -> None:
    extra, module = ADAPTERS[adapter]
    done = python(f"import sys; sys.modules[{module!r}] = None; import handrail.adapters.{adapter}")
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: handrail.adapters: ")
    assert last.endswith(f'pip install "handrail[{extra}]"')


def test_the_sdk_and_the_package_need_no_framework() -> None:
    modules = [module for _, module in ADAPTERS.values()]
    done = python(
        f"import sys; sys.modules.update(dict.fromkeys({modules!r})); import handrail.client, handrail.adapters"
    )
    assert (done.returncode, done.stderr) == (0, "")
