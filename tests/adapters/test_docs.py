"""The examples of docs/adapters.md, run as they stand there, with a scripted model in place of the LLM."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from tests.adapters.conftest import Governing
from tests.adapters.frameworks import EXAMPLE_MODELS, EXAMPLES_WITH_TOOLS
from tests.adapters.talk import Talk, Turn
from tests.adapters.wire import events
from tests.docs.pages import File, steps

pytestmark = [pytest.mark.kafka, pytest.mark.filterwarnings("ignore::DeprecationWarning:litellm.*")]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adapters.md"
EXAMPLES = {step.name: step.text for step in steps(PAGE.read_text()) if isinstance(step, File)}
ORDER: Turn = [("get_order", {"order_id": "A-1"})]
QUERY = "Where is my order?"


def module(name: str, folder: Path) -> Any:
    """The example, imported from a file of its own."""
    path = folder / name
    path.write_text(EXAMPLES[name])
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    example = sys.modules[path.stem] = module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


def test_the_page_has_an_example_for_each_framework() -> None:
    assert {f"shop_{name}.py" for name in EXAMPLE_MODELS} == set(EXAMPLES)


@pytest.mark.parametrize("framework", EXAMPLE_MODELS)
async def test_an_example_of_the_page_does_what_it_says(
    governing: Governing, framework: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_tools = framework in EXAMPLES_WITH_TOOLS
    talk = Talk([ORDER, "It is on its way."] if has_tools else ["It is on its way."])
    example = module(f"shop_{framework}.py", tmp_path)
    async with EXAMPLE_MODELS[framework](talk, monkeypatch) as model:
        monkeypatch.setenv("HANDRAIL_BOOTSTRAP", governing.bootstrap)
        assert await example.answer(model, QUERY) == "It is on its way."
    kinds = [kind for kind, _ in await events(governing.bootstrap, f"{framework}-1")]
    asked = ["action.proposed", "action.executed"] if has_tools else []
    assert [kind for kind in kinds if kind != "llm.completed"] == [
        "execution.started",
        *asked,
        "response.proposed",
        "message.sent",
    ]
    assert ("llm.completed" in kinds) is (framework != "plain")
