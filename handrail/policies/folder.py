"""From a folder to a bundle. The only place in this package that reads files."""

from pathlib import Path

from handrail.policies.bundle import SEMANTICS, Bundle, compile_labelled
from handrail.policies.parts import DEFAULTS, MERGED, SETTINGS
from handrail.schemas.errors import ConfigError, HandrailError, PolicyError, PolicyErrors

BYTES_MAX = 1_000_000
FILES_MAX = 500
ENDINGS = (".yaml", ".yml")
CASES = "cases"  # what the policies are to decide: read by `handrail policy test`
LOOKED_AT_MAX = 10_000  # of a folder that does not belong there

_BUILT_IN = Path(__file__).parent / "defaults"


def load_bundle(folder: Path | None) -> Bundle:
    """The bundle of a folder; None gives the built-in limits and routes alone.

    Reads the `*.yaml` and `*.yml` of the folder itself; one in a folder inside it is a mistake, but for `cases` and
    hidden ones. Raises PolicyErrors with all mistakes of all files, and ConfigError where there is no such folder.
    """
    own, unreadable = _own_files(folder) if folder is not None else ({}, [])
    texts = own | _defaults(own)
    labels = {name: str(folder / name) for name in own} if folder is not None else {}
    try:
        bundle = compile_labelled({"semantics": SEMANTICS, "files": texts}, labels)
    except PolicyErrors as errors:
        raise _together(unreadable, errors.mistakes) from None
    if unreadable:
        raise _together(unreadable, ())
    return bundle


def _together(*groups: "list[PolicyError] | tuple[PolicyError, ...]") -> PolicyErrors:
    mistakes = [mistake for group in groups for mistake in group]
    return PolicyErrors(sorted(mistakes, key=lambda mistake: mistake.file))


def _defaults(own: dict[str, str]) -> dict[str, str]:
    """The built-in files that still decide something beside the user's."""
    wanted = [name for name in SETTINGS if name not in own or name in MERGED]
    paths = {name: _BUILT_IN / name for name in wanted}
    return {DEFAULTS + name: path.read_text("utf-8") for name, path in paths.items() if path.is_file()}


def _own_files(folder: Path) -> tuple[dict[str, str], list[PolicyError]]:
    if not folder.is_dir():
        raise ConfigError(f"{folder}: is no folder: give the folder that holds the policy files")
    paths = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    mistakes = [*_misnamed(paths), *_misplaced(folder, paths)]
    texts: dict[str, str] = {}
    policies = [path for path in paths if path.suffix in ENDINGS]
    if len(policies) > FILES_MAX:
        raise PolicyErrors([PolicyError(str(folder), "", f"has {len(policies)} files: keep it to {FILES_MAX}")])
    for path in policies:
        try:
            texts[path.name] = _text(path)
        except _Unreadable as error:
            mistakes.append(PolicyError(str(path), "", str(error)))
    return texts, mistakes


def _misnamed(paths: list[Path]) -> list[PolicyError]:
    """Files that a person takes for policies and that would be passed over, or read as something else."""
    settings = {Path(name).stem for name in SETTINGS}
    return [
        PolicyError(str(path), "", f"would not be read: rename it to {path.stem.lower()}.yaml")
        for path in paths
        if path.suffix.lower() in ENDINGS
        and (path.suffix not in ENDINGS or (path.suffix == ".yml" and path.stem in settings))
    ]


def _misplaced(folder: Path, paths: list[Path]) -> list[PolicyError]:
    """Folders with files that a person takes for policies, and that would be passed over without a word."""
    inner = [path for path in paths if path.is_dir() and path.name != CASES]
    if any(path.suffix.lower() in ENDINGS and not path.is_dir() for path in paths):
        remedy = f"move it up into {folder}, or out of it (cases belong in {folder / CASES})"
    else:
        remedy = "give that folder, or move its files up"
    firsts = [(path, _first_file(path)) for path in inner]
    return [
        PolicyError(str(path), "", f"is a folder in the policy folder, and its {first} would not be read: {remedy}")
        for path, first in firsts
        if first is not None
    ]


def _first_file(folder: Path) -> str | None:
    """The first policy file in a folder and the folders in it; what cannot be looked through may have one."""
    left, count = [folder], 0
    try:
        while left:
            paths = sorted(path for path in left.pop().iterdir() if not path.name.startswith("."))
            files = [path for path in paths if path.suffix.lower() in ENDINGS and not path.is_dir()]
            if files:
                return str(files[0].relative_to(folder))
            left += [path for path in reversed(paths) if path.is_dir() and not path.is_symlink()]
            count += len(paths)
            if count > LOOKED_AT_MAX:
                return f"content of over {LOOKED_AT_MAX} files"
    except OSError as error:
        return f"content ({error.strerror})"
    return None


class _Unreadable(HandrailError):
    """A file that cannot be taken as text."""


def _text(path: Path) -> str:
    if not path.is_file():
        raise _Unreadable("is no file: rename or remove it")
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
        if len(content) > BYTES_MAX:
            raise _Unreadable(f"has more than {BYTES_MAX} bytes: split it")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _Unreadable(f"is not UTF-8 at byte {error.start}: save it as UTF-8") from None
    except OSError as error:
        raise _Unreadable(f"cannot be read: {error.strerror}") from None
