"""Agent frameworks, governed: each module needs its framework, and names the extra to install where it is missing.

Plain Python needs no adapter: `Agent.tool` is enough.
"""

from collections.abc import Mapping
from importlib.metadata import distribution

GROUP = "handrail.adapters"  # of entry points: the name is the extra, the value is the module


def adapters() -> Mapping[str, str]:
    """The module of each adapter by the extra that installs its framework; no adapter is imported.

    They stand in `pyproject.toml`, under `project.entry-points`. Raises PackageNotFoundError where the package itself
    is not installed.
    """
    entries = distribution("handrail").entry_points
    return {entry.name: entry.value for entry in entries if entry.group == GROUP}


def missing_framework(extra: str, error: ImportError) -> ImportError:
    """The error to raise where an adapter's framework is not installed: one line that names the extra to install."""
    return ImportError(f'handrail.adapters: {error}: pip install "handrail[{extra}]"', name=error.name)
