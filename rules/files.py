"""Finds and reads the rule files of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from rules.model import Problem, RuleFilesError
from rules.nodes import MAX_BYTES

_NONE: Final = "no rule files (*.yaml) here; point IM_RULES_DIR to the folder that holds them"


def rule_paths(folder: Path) -> dict[str, Path]:
    """The rule files by relative path, in its order.

    `test_*.yaml` are tests. Hidden files and folders are left out: editors' locks, and the `..data` folders
    through which Kubernetes swaps a mounted ConfigMap.
    """
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.yaml")}
    return {name: found[name] for name in sorted(found) if _counts(name)}


def read_sources(folder: Path) -> dict[str, str]:
    """The texts of the rule files by relative path. Raises RuleFilesError."""
    paths = rule_paths(folder)
    problems = [
        Problem(name, 0, "", "only *.yaml is read; rename it to end in .yaml") for name in _misnamed(folder)
    ]
    if not paths:
        problems.append(Problem(str(folder), 0, "", _NONE))
    sources: dict[str, str] = {}
    for name, path in paths.items():
        text = _text(path)
        if isinstance(text, str):
            sources[name] = text
        else:
            problems.append(Problem(name, 0, "", str(text)))
    if problems:
        raise RuleFilesError(tuple(problems))
    return sources


class _Unusable(Exception):
    """Why a file cannot be read."""


def _text(path: Path) -> str | _Unusable:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            return _Unusable("larger than 1 MiB; split it into several files")
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return _Unusable("is not UTF-8 text; save it as UTF-8")
    except OSError as error:
        return _Unusable(f"cannot be read: {error.strerror}")


def _misnamed(folder: Path) -> list[str]:
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*.yml")]
    return sorted(name for name in names if _counts(name))


def _counts(name: str) -> bool:
    parts = name.split("/")
    return not any(part.startswith(".") for part in parts) and not parts[-1].startswith("test_")
