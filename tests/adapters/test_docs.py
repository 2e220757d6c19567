"""The examples of docs/adapters.md, run as they stand there, with a scripted model in place of the LLM."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from tests.adapters import on_claude_agent, on_langgraph, on_openai_agents
from tests.adapters.chat_api import chatting
from tests.adapters.conftest import Governing
from tests.adapters.messages_api import scripted
from tests.adapters.talk import Talk, Turn
from tests.adapters.wire import events
from tests.docs.pages import File, steps

pytestmark = [pytest.mark.kafka, pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm.*")]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adapters.md"
EXAMPLES = {step.name: step.text for step in steps(PAGE.read_text()) if isinstance(step, File)}
ORDER: Turn = [("get_order", {"order_id": "A-1"})]
QUERY = "Where is my order?"


@asynccontextmanager
async def plain(talk: Talk, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    async def model(read: str) -> Any:
        turn = talk.next()
        return (None, turn) if isinstance(turn, str) else (turn[0][1], None)

    yield model


@asynccontextmanager
async def langgraph(talk: Talk, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    yield on_langgraph.Scripted(talk=talk)


@asynccontextmanager
async def openai(talk: Talk, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    yield on_openai_agents.model(talk)


@asynccontextmanager
async def claude(talk: Talk, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    with on_claude_agent.home() as folder:
        async with scripted(talk) as url:
            for name, value in on_claude_agent.environment(url).items():
                patch.setenv(name, value)
            patch.chdir(folder)
            yield on_claude_agent.MODEL


@asynccontextmanager
async def litellm(talk: Talk, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    async with chatting(talk) as url:
        patch.setenv("OPENAI_BASE_URL", url)
        patch.setenv("OPENAI_API_KEY", "scripted")
        yield "openai/gpt-4.1-mini"


MODELS = {"plain": plain, "langgraph": langgraph, "openai": openai, "claude": claude, "litellm": litellm}


def module(name: str, folder: Path) -> Any:
    """The example, imported from a file of its own."""
    path = folder / name
    path.write_text(EXAMPLES[name])
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    found = sys.modules[path.stem] = module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_the_page_has_an_example_for_each_framework() -> None:
    assert {f"shop_{name}.py" for name in MODELS} == set(EXAMPLES)


@pytest.mark.parametrize("framework", MODELS)
async def test_an_example_of_the_page_does_what_it_says(
    governing: Governing, framework: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    talk = Talk(["It is on its way."] if framework == "litellm" else [ORDER, "It is on its way."])
    example = module(f"shop_{framework}.py", tmp_path)
    async with MODELS[framework](talk, monkeypatch) as model:
        monkeypatch.setenv("HANDRAIL_BOOTSTRAP", governing.bootstrap)
        assert await example.answer(model, QUERY) == "It is on its way."
    kinds = [kind for kind, _ in await events(governing.bootstrap, f"{framework}-1")]
    asked = [] if framework == "litellm" else ["action.proposed", "action.executed"]
    assert [kind for kind in kinds if kind != "llm.completed"] == [
        "execution.started",
        *asked,
        "response.proposed",
        "message.sent",
    ]
    assert ("llm.completed" in kinds) is (framework != "plain")
