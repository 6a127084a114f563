"""Texts that people bring to the page: kept in one folder, named without doubt, and cleaned.

A run refers to its text when it is resumed, so a file that a run names stays. Of the others the newest
MOST_UNUSED stay for KEPT_DAYS days: somebody may be choosing settings for one, or hold a link to it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections.abc import Collection
from pathlib import Path

from akl_viz.distill.atomic import make_folder, write_bytes
from akl_viz.distill.places import UPLOADS
from akl_viz.errors import InvalidInput
from akl_viz.paths import runs_root

TYPES = ("txt", "jsonl", "csv", "parquet")
KEPT_DAYS = 7
MOST_UNUSED = 20

LOG = logging.getLogger(__name__)
_LONGEST_STEM = 40
_HASHED = re.compile(rf"\b([A-Za-z0-9_-]{{1,{_LONGEST_STEM}}})-[0-9a-f]{{16}}(\.(?:{'|'.join(TYPES)})\b)")
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{_LONGEST_STEM}}}-[0-9a-f]{{16}}\.(?:{'|'.join(TYPES)})")
"""What `store` writes: no dots, separators or control characters, so that no name leads out of the folder."""


def uploads() -> Path:
    """Where uploaded texts are kept."""
    return runs_root() / UPLOADS


def store(name: str, data: bytes, used: Collection[str]) -> Path:
    """Keep an upload, and take away old ones that no run names.

    Of the given name only letters, digits, dashes and the type reach the disk; the rest of the name is made of the
    contents, so that the same file is kept once.

    Args:
        name: the file's name on the person's machine.
        data: its contents.
        used: names of the files that runs learn on; they stay.

    Raises:
        InvalidInput: the disk is full or may not be written to.
    """
    stem, _, kind = name.rpartition(".")
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", stem).strip("-")[:_LONGEST_STEM] or "text"
    kind = kind.lower() if kind.lower() in TYPES else "txt"
    path = uploads() / f"{stem}-{hashlib.sha256(data).hexdigest()[:16]}.{kind}"
    try:
        make_folder(path.parent)
        if path.exists():
            os.utime(path)
        else:
            write_bytes(path, data)
    except OSError as error:
        raise InvalidInput(f"The file cannot be kept in {path.parent} ({error.strerror}): make room there.") from error
    clean({*used, path.name})
    return path


def find(name: str) -> Path:
    """The kept file of that name, as it stands in an address. Raises InvalidInput where there is none."""
    if not _NAME.fullmatch(name) or not is_kept(path := uploads() / name):
        raise InvalidInput("The text it names is not among the files uploaded here: upload it again.")
    return path


def titled(text: str) -> str:
    """A text in which kept files have the names people gave them, without the part made of their contents."""
    return _HASHED.sub(r"\1\2", text)


def is_kept(path: Path) -> bool:
    """Whether a path is that of a kept upload."""
    return bool(_NAME.fullmatch(path.name)) and path.parent == uploads() and path.is_file() and not path.is_symlink()


def clean(used: Collection[str]) -> None:
    """Delete the uploads that no run names, but for the newest MOST_UNUSED of the last KEPT_DAYS days."""
    try:
        unused = [path for path in uploads().iterdir() if is_kept(path) and path.name not in used]
        unused.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        oldest = time.time() - KEPT_DAYS * 86_400
        for place, path in enumerate(unused):
            if place >= MOST_UNUSED or path.stat().st_mtime < oldest:
                path.unlink(missing_ok=True)
    except OSError as error:
        # Another server on the same folder may clean at the same time.
        LOG.warning("old uploads were not cleaned: %s", error)
