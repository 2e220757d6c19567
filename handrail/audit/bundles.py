"""Bundles out of the topic, in a folder that a person can read and the fold can take back, byte for byte."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from handrail.audit.folding import Rules
from handrail.policies import SEMANTICS, Bundle, compile_bundle, load_bundle
from handrail.schemas.errors import ConfigError, PolicyError

NAME = re.compile(r"^[0-9a-f]{64}$")
PREFIX = "sha256:"


def write(folder: Path, bundles: Iterable[Bundle]) -> list[Path]:
    """Each bundle is in a folder of its own, named by its hash; gives those folders. Raises ConfigError."""
    written = []
    try:
        for bundle in bundles:
            written.append(folder / bundle.ruleset.removeprefix(PREFIX))
            for name, text in bundle.document["files"].items():
                path = _inside(written[-1], name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode())
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}: give --bundle a folder that can be written") from error
    return written


def _inside(folder: Path, name: str) -> Path:
    """Whoever may write the topic names the files."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or path == folder:
        raise ConfigError(f"{folder}: the bundle has a file {name!r}, which would lie outside: do not trust this topic")
    return path


def given(folder: Path | None) -> Rules:
    """The rules of a folder that `write` wrote, where the log says which of them hold, or of a folder of policies,
    which hold from the start; None gives the built-in ones alone. Raises PolicyErrors and ConfigError.
    """
    written = [path for path in sorted(folder.iterdir()) if NAME.match(path.name)] if folder and folder.is_dir() else []
    if not written:
        bundle = load_bundle(folder)
        return Rules({bundle.ruleset: bundle}, bundle.ruleset)
    return Rules(_by_ruleset(map(_written, written)))


def _by_ruleset(bundles: Iterable[Bundle]) -> Mapping[str, Bundle]:
    return {bundle.ruleset: bundle for bundle in bundles}


def _written(folder: Path) -> Bundle:
    try:
        texts = {
            path.relative_to(folder).as_posix(): path.read_bytes().decode()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
        bundle = compile_bundle({"semantics": SEMANTICS, "files": texts})
    except (OSError, UnicodeDecodeError, PolicyError) as error:
        raise ConfigError(f"{folder}: {error}: write it again with `handrail export --bundle`") from error
    if bundle.ruleset != PREFIX + folder.name:
        raise ConfigError(f"{folder}: has been changed: its hash is {bundle.ruleset}: write it again, or rename it")
    return bundle
