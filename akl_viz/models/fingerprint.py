"""What tells two sets of weights apart: a hash for records, and a quick stamp for caches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

LENGTH = 12
"""Hex digits of a fingerprint."""

_STAMPED = ("*.safetensors", "*.json", "*.gguf", "*.model", "*.txt", "*.jinja")
_LONGEST_CONFIG = 1_000_000
"""Bytes of an adapter's configuration beyond which it is not looked into for a stamp."""


def fingerprint(files: Iterable[Path]) -> str:
    """Hash of weight files: the first 12 hex digits of their SHA-256.

    For one file this is what `sha256sum` prints; for several it is the hash of their digests in the order of
    their names. Digests are kept per path, size and time of change, so a second call reads nothing.

    Args:
        files: the safetensors (or GGUF) files of one model.
    """
    digests = [_digest(path, path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(files)]
    whole = digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()
    return whole[:LENGTH]


def stamp(place: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of change of every file that decides what a folder (or one file) loads as.

    Cheap enough to take on every use: a cache keyed by it reloads a checkpoint that was written anew.
    """
    folders = [place, *bases_of(place)]
    files = [place] if place.is_file() else [file for folder in folders for file in _stamped(folder)]
    return tuple((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)


def _stamped(folder: Path) -> list[Path]:
    """The files of a folder that decide what it loads as, in the order of their names."""
    return sorted(file for glob in _STAMPED for file in folder.glob(glob))


def base_places(folder: Path, named: str) -> tuple[Path, ...]:
    """Where the base that an adapter names may lie: beside the adapter, or in the working directory, as peft reads it.

    An absolute path gives the same place twice, and so one.

    Raises:
        RuntimeError: the path begins with the home of nobody.
    """
    place = Path(named).expanduser()
    return tuple(dict.fromkeys((folder / place, Path.cwd() / place)))


def bases_of(place: Path) -> list[Path]:
    """The local base of an adapter folder: the adapter loads differently when its base changes."""
    file = place / "adapter_config.json"
    try:
        if not file.is_file() or file.stat().st_size > _LONGEST_CONFIG:
            return []
        named = json.loads(file.read_text(encoding="utf-8"))["base_model_name_or_path"]
        return [base for base in base_places(place, named) if base.is_dir()]
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, RecursionError):
        return []


@lru_cache(maxsize=4096)
def _digest(path: Path, size: int, changed_ns: int) -> str:
    """SHA-256 of one file; size and time are only there to be part of the key."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
