"""Whether the embedded broker can be started here."""

import subprocess

from handrail.broker import binary
from handrail.doctor.line import Line, ok, warn
from handrail.schemas.errors import ConfigError

RUN_S_MAX = 5.0


def look() -> list[Line]:
    """Its program is there and runs. Where it is not, a Kafka broker serves as well."""
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
