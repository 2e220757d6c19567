"""The rules of a fold, and bundles in a folder that a person can read and the fold can take back, byte for byte."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from handrail.policies import SEMANTICS, Bundle, compile_bundle, load_bundle
from handrail.schemas.errors import ConfigError, PolicyError
from handrail.streams.governor.partition import PartitionFold

NAME = re.compile(r"^[0-9a-f]{64}$")
PREFIX = "sha256:"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the fold is given: every bundle by its ruleset, the one active from the start, the topic's partitions.

    `ruleset` is empty where the log says what is active; `partitions` None where keys need not be checked against it.
    `begins` has the snapshot that a partition is folded from, where its beginning is gone.
    """

    bundles: Mapping[str, Bundle]
    ruleset: str = ""
    partitions: int | None = None
    begins: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)

    def fold(self, partition: int) -> PartitionFold:
        """The fold of a partition, before the first record that it gets.

        Raises ConfigError where it begins at a snapshot whose bundle is not among the rules.
        """
        fold = PartitionFold(partition, self.partitions, self.bundles, self.ruleset)
        if (begin := self.begins.get(partition)) is not None:
            fold.begin(dict(begin))
            if fold.ruleset not in self.bundles:
                raise ConfigError(
                    f"partition {partition}: at offset {fold.position}, where it begins, {fold.ruleset or 'nothing'} "
                    "is active, which is not among the bundles: give its folder with --policies"
                )
        return fold

    def start(self, partition: int) -> int:
        """The offset up to which nothing is folded; -1 where the partition is folded from its first record."""
        begin = self.begins.get(partition)
        return -1 if begin is None else int(begin["position"])


def write_bundles(folder: Path, bundles: Iterable[Bundle]) -> list[Path]:
    """Each bundle is in a folder of its own, named by its hash; gives those folders. Raises ConfigError."""
    folders = []
    try:
        for bundle in bundles:
            folders.append(folder / bundle.ruleset.removeprefix(PREFIX))
            for name, text in bundle.document["files"].items():
                path = _inside(folders[-1], name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode())
    except OSError as error:
        raise ConfigError(f"{folder}: {error.strerror}: give --bundle a folder that can be written") from error
    return folders


def _inside(folder: Path, name: str) -> Path:
    """The path of a file in the folder. Everybody who may write the topic can name files, so it is checked."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or path == folder:
        raise ConfigError(f"{folder}: the bundle has a file {name!r}, which would lie outside: do not trust this topic")
    return path


def load_rules(folder: Path | None) -> Rules:
    """The rules of a folder that `write` wrote, where the log says which of them hold, or of a folder of policies,
    which hold from the start; None gives the built-in ones alone. Raises PolicyErrors and ConfigError.
    """
    folders = [path for path in sorted(folder.iterdir()) if NAME.match(path.name)] if folder and folder.is_dir() else []
    if not folders:
        bundle = load_bundle(folder)
        return Rules({bundle.ruleset: bundle}, bundle.ruleset)
    return Rules(_by_ruleset(map(_load_written, folders)))


def _by_ruleset(bundles: Iterable[Bundle]) -> Mapping[str, Bundle]:
    return {bundle.ruleset: bundle for bundle in bundles}


def _load_written(folder: Path) -> Bundle:
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
