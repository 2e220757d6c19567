"""The fold compiled to machine code by mypyc: the same sources, asked for when a wheel is built (docs/compiled.md).

    HATCH_BUILD_HOOK_ENABLE_CUSTOM=true pip install ".[server]"

Needs a C compiler. Compiled is what every record goes through, and no module with a msgspec.Struct of its own, whose
options (`tag`, `array_like`, `frozen`) mypyc passes over without a word.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from mypyc.build import mypycify
from setuptools import Distribution
from setuptools.command.build_ext import build_ext

GOVERNOR = (
    "approvals", "assessment", "batch", "calls", "calls_under_way", "capacity", "comparable_result", "controls",
    "cost", "cycle", "decision", "events", "excerpts", "executions", "idle", "limits", "live_conversations",
    "loops", "mode", "outgoing", "ownership", "partition", "partition_memory", "phrases", "preconditions",
    "proposals", "repeat", "replay_guard", "resolutions", "rules", "state_store", "step", "timers",
    "working_conversation",
)  # fmt: skip
POLICIES = ("bound", "bundle", "condition", "evaluation", "names", "numeric", "operators", "screen", "truth")
SCHEMAS = (
    "action", "canonical", "chain", "clock", "decode", "money", "partitioner", "quick", "signature", "strict_json",
)  # fmt: skip
MODULES = (
    *(f"handrail/streams/governor/{name}.py" for name in GOVERNOR),
    *(f"handrail/policies/{name}.py" for name in POLICIES),
    *(f"handrail/schemas/{name}.py" for name in SCHEMAS),
)
MYPY = """
[mypy]
ignore_missing_imports = True
plugins = pydantic.mypy
"""


class CompileHook(BuildHookInterface[Any]):
    """Hatchling's hook: puts the compiled modules beside their sources in the wheel, which is then for one platform."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Nothing for an editable wheel: what is compiled would hide what is edited."""
        if version == "editable":
            return
        self._folder = TemporaryDirectory()  # until the wheel is written
        for module in compiled(Path(self._folder.name)):
            build_data["force_include"][str(module)] = str(module.relative_to(Path(self._folder.name) / "lib"))
        build_data["pure_python"], build_data["infer_tag"] = False, True


def compiled(folder: Path) -> list[Path]:
    """The extension modules, below `folder`/lib as they lie in a wheel. Run it where the sources are."""
    settings = folder / "mypy.ini"
    settings.write_text(MYPY)
    extensions = mypycify(
        ["--config-file", str(settings), *MODULES], opt_level="3", target_dir=str(folder / "c"), group_name="handrail"
    )
    building = build_ext(Distribution({"ext_modules": extensions}))
    building.build_lib, building.build_temp = str(folder / "lib"), str(folder / "o")
    building.ensure_finalized()
    building.run()
    return [module for module in (folder / "lib").rglob("*") if module.is_file()]
