"""Finds and reads the cases of a folder."""

from pathlib import Path

from handrail.policies.case import PolicyCase, read_cases
from handrail.schemas.errors import ConfigError, PolicyError, PolicyErrors

BYTES_MAX = 1_000_000
FILES_MAX = 500
ENDINGS = (".yaml", ".yml")


def find(policies: Path) -> Path:
    """The cases of a folder of policies: `cases` in it, else beside it. Raises ConfigError."""
    named = policies if policies.name not in ("", "..") else policies.resolve()
    inside, beside = policies / "cases", named.parent / "cases"
    for folder in (inside, beside):
        if folder.is_dir():
            return folder
    raise ConfigError(
        f"{policies}: has no cases: looked for {inside} and {beside}; write some there, or say where with --cases"
    )


def load_cases(folder: Path) -> list[PolicyCase]:
    """The cases of every `*.yaml` and `*.yml` in a folder, in the order of the files' names.

    Raises PolicyErrors with all mistakes of all files, and ConfigError where there is none.
    """
    if not folder.is_dir():
        raise ConfigError(f"{folder}: is no folder: give the folder that holds the case files")
    paths = sorted(path for path in folder.iterdir() if path.suffix in ENDINGS and not path.name.startswith("."))
    if not paths:
        raise ConfigError(f"{folder}: holds no case file: write one such as refunds.yaml")
    if len(paths) > FILES_MAX:
        raise PolicyErrors([PolicyError(str(folder), "", f"has {len(paths)} files: keep it to {FILES_MAX}")])
    cases: list[PolicyCase] = []
    errors: list[PolicyError] = []
    for path in paths:
        try:
            file_cases, mistakes = read_cases(str(path), _text(path))
        except ValueError as error:
            errors.append(PolicyError(str(path), "", str(error)))
            continue
        cases += file_cases
        errors += mistakes.errors(str(path))
    if errors:
        raise PolicyErrors(errors)
    return cases


def _text(path: Path) -> str:
    """Raises ValueError with what to do."""
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
        if len(content) > BYTES_MAX:
            raise ValueError(f"has more than {BYTES_MAX} bytes: split it")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 at byte {error.start}: save it as UTF-8") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
