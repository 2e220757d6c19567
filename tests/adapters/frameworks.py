"""What the tests run for every framework: the modules `on_FRAMEWORK.py` beside this one.

Each has `EXAMPLE`, the name of its example on docs/adapters.md (`shop_EXAMPLE.py`), `example_model(talk, patch)`, what
that example takes as its model, and, where tools are governed, `CONVERSATIONS` by name.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

from tests.adapters.talk import Conversation

PREFIX = "on_"
MODULES: dict[str, ModuleType] = {
    path.stem.removeprefix(PREFIX): import_module(f"tests.adapters.{path.stem}")
    for path in sorted(Path(__file__).parent.glob(f"{PREFIX}*.py"))
}
CONVERSATIONS: dict[str, Conversation] = {
    name: conversation
    for module in MODULES.values()
    for name, conversation in getattr(module, "CONVERSATIONS", {}).items()
}
EXAMPLE_MODELS = {module.EXAMPLE: module.example_model for module in MODULES.values()}
EXAMPLES_WITH_TOOLS = {module.EXAMPLE for module in MODULES.values() if hasattr(module, "CONVERSATIONS")}
