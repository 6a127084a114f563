"""run.json, the file that makes a folder a run: read without trusting it. Loads no torch."""

from __future__ import annotations

import json
import platform
import stat
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from akl_viz import __version__
from akl_viz.errors import InvalidInput

SCHEMA = 1
RUN_FILE = "run.json"
_LARGEST = 2_000_000
_LIBRARIES = ("torch", "transformers", "numpy", "pandas", "safetensors", "peft", "accelerate")


def read_meta(folder: Path) -> Mapping[str, Any]:
    """run.json as an object of the right schema.

    Raises:
        InvalidInput: it is missing, broken or of another version.
    """
    meta = _content(folder)
    if not isinstance(meta, dict) or meta.get("schema") != SCHEMA:
        raise InvalidInput(
            f"{folder / RUN_FILE} does not describe a run of schema {SCHEMA}: open it with the version that wrote it."
        )
    return meta


def is_run(folder: Path) -> bool:
    """Whether a folder is that of a run, in whatever state and of whatever version."""
    try:
        meta = _content(folder) if (folder / RUN_FILE).is_file() else None
    except (InvalidInput, OSError):
        return False
    return isinstance(meta, dict) and "schema" in meta


def versions() -> dict[str, str]:
    """Versions of what decides a run's numbers."""
    found = {"akl_viz": __version__, "python": platform.python_version()}
    for library in _LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            continue
    return found


def _content(folder: Path) -> Any:
    """The JSON in a folder's run.json."""
    path = folder / RUN_FILE
    try:
        facts = path.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        if folder.exists() and not folder.is_dir():
            raise InvalidInput(f"{folder} is a file, not a run folder: give the folder of a run.") from error
        raise InvalidInput(f"{folder} is no run folder (it has no {RUN_FILE}): check the path.") from error
    except OSError as error:
        raise InvalidInput(_unreadable(path, error)) from error
    # A pipe has no size, and reading it waits for a writer.
    if not stat.S_ISREG(facts.st_mode):
        raise InvalidInput(f"{path} is no plain file: it was not written by AKL Viz.")
    if facts.st_size > _LARGEST:
        raise InvalidInput(f"{path} is too large to be a run's: it was not written by AKL Viz.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(_unreadable(path, error)) from error
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not a readable JSON file: it was not written by AKL Viz.") from error


def _unreadable(path: Path, error: OSError) -> str:
    return f"{path} cannot be read ({error.strerror}): check the path and its rights."
