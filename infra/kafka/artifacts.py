"""Apache Kafka's jars, fetched once with Maven into the checkout's cache."""

import shutil
import subprocess
import tempfile
from pathlib import Path

from handrail.schemas.errors import ConfigError

VERSION = "4.1.1"  # as in pom.xml
CHECKOUT = Path(__file__).resolve().parents[2]
CACHE = CHECKOUT / ".cache" / "kafka" / VERSION
FETCH_S_MAX = 240

# What a person on Debian or Ubuntu installs to get the program.
PACKAGES = {"java": "openjdk-17-jre-headless", "mvn": "maven"}


def need(program: str) -> None:
    """Raise ConfigError, saying what to install, where `java` or `mvn` is missing."""
    if shutil.which(program) is None:
        raise ConfigError(f"Apache Kafka: no {program} on the PATH: apt-get install {PACKAGES[program]}")


def fetch(cache: Path = CACHE) -> Path:
    """The folder of the jars, about 54 MB, fetched when it is not there yet.

    Raises
    ------
    ConfigError
        Java or Maven is missing, or Maven cannot fetch; the message says what to do.
    """
    need("java")
    libs = cache / "libs"
    if not libs.is_dir():
        need("mvn")
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as part:
            _copy_dependencies(Path(part) / "libs")
            _put(Path(part) / "libs", libs)
    return libs


def _copy_dependencies(into: Path) -> None:
    pom = Path(__file__).with_name("pom.xml")
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    try:
        done = subprocess.run(
            [*command, f"-DoutputDirectory={into}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=FETCH_S_MAX,
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError(f"Apache Kafka {VERSION}: Maven took over {FETCH_S_MAX} s to fetch it: try again") from error
    if done.returncode or not into.is_dir():
        errors = [line for line in done.stdout.splitlines() if "ERROR" in line] or ["it said nothing"]
        raise ConfigError(
            f"Apache Kafka {VERSION}: Maven could not fetch it: {errors[0]}: "
            f"check the network or Maven's settings, then run mvn -f {pom} dependency:resolve"
        )


def _put(fetched: Path, libs: Path) -> None:
    """Move the whole folder at once, so that half of it is never taken for all; somebody may have been faster."""
    try:
        fetched.replace(libs)
    except OSError:
        if not libs.is_dir():
            raise
