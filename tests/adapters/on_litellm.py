"""The example for LiteLLM, with a scripted server of models; LiteLLM governs no tools, so it holds no conversation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.adapters.chat_api import chatting
from tests.adapters.talk import Talk


@asynccontextmanager
async def example_model(talk: Talk, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """A model's name; LiteLLM finds the scripted server in its environment."""
    async with chatting(talk) as url:
        patch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
        patch.setenv("OPENAI_BASE_URL", url)
        patch.setenv("OPENAI_API_KEY", "scripted")
        yield "openai/gpt-4.1-mini"


EXAMPLE = "litellm"
