"""What it runs on."""

import os
import platform
import sys
from importlib.metadata import version

from handrail.doctor.line import Line, ok, wrong

PYTHON_MIN = (3, 11)


def look() -> list[Line]:
    """Handrail, Python, the system."""
    told = f"Handrail {version('handrail')}, Python {platform.python_version()} ({sys.executable})"
    system = ok("system", f"{platform.platform()}, {os.cpu_count()} processors")
    if sys.version_info[:2] < PYTHON_MIN:
        return [wrong("python", told, "install Python 3.11 or newer"), system]
    return [ok("python", told), system]
