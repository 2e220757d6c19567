"""The machine: Python, the system, and whether the embedded broker can be started here."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version

from handrail.broker import binary
from handrail.doctor.line import Line, ok, warn, wrong
from handrail.schemas.errors import ConfigError

PYTHON_MIN = (3, 11)
RUN_S_MAX = 5.0


def check_machine() -> list[Line]:
    """The versions of Handrail and Python, and the system."""
    message = f"Handrail {version('handrail')}, Python {platform.python_version()} ({sys.executable})"
    system = ok("system", f"{platform.platform()}, {os.cpu_count()} processors")
    if sys.version_info[:2] < PYTHON_MIN:
        return [wrong("python", message, "install Python 3.11 or newer"), system]
    return [ok("python", message), system]


def check_embedded_broker() -> list[Line]:
    """Whether its program exists and runs; a warning where not, since any Kafka broker does as well."""
    what = "embedded broker"
    try:
        program = binary.find()
    except ConfigError as error:
        return [warn(what, str(error).removeprefix(f"{what}: "), "")]
    try:
        done = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=RUN_S_MAX, check=True, env={}
        )
    except (OSError, subprocess.SubprocessError) as error:
        return [warn(what, f"{program}: {error}", "reinstall handrail[demo], or use your own Kafka with --bootstrap")]
    return [ok(what, f"{done.stdout.strip() or 'runs'} ({program})")]
