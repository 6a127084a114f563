"""Writes that are there whole or not at all, whatever moment the machine stops at."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from akl_viz.errors import InvalidInput

PARTIAL = ".partial-"
"""Names that begin like this were being written when a process ended; readers skip them, a writer removes them."""

_REASONS = {
    errno.ENOSPC: "the disk is full: free some space",
    errno.EDQUOT: "the disk quota is used up: free some space",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EACCES: "it may not be written to: choose another folder, or change its permissions",
    errno.EPERM: "it may not be written to: choose another folder, or change its permissions",
    errno.ENOTDIR: "a file stands where a folder is needed: choose another folder",
    errno.EEXIST: "a file stands where a folder is needed: choose another folder",
    errno.ENAMETOOLONG: "its name is too long: choose a shorter one",
}


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """Turn an error of the file system into one sentence.

    Raises:
        InvalidInput: says what is wrong, what to do, and that what was written before is still there.
    """
    try:
        yield
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, f"{error.strerror or error}: check the folder")
        raise InvalidInput(f"{place} cannot be written because {reason}; what was saved before is kept.") from error


def make_folder(path: Path) -> None:
    """Make a folder and the missing ones above it, and bring their names to the disk."""
    if path.is_dir():
        return
    make_folder(path.parent)
    path.mkdir(exist_ok=True)
    _sync(path.parent)


def write_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file beside the path, bring it to the disk and put it in the path's place.

    Raises:
        OSError: the path then still holds what it held.
    """
    partial = _partial(path)
    try:
        write(partial)
        _sync(partial)
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    _sync(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file; see `write_file`."""
    write_file(path, lambda partial: partial.write_bytes(content))


def write_folder(path: Path, write: Callable[[Path], object]) -> None:
    """Fill a folder and put it in the path's place: `fill_folder` and `commit_folder`."""
    fill_folder(path, write)
    commit_folder(path)


def fill_folder(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a folder beside the path; nothing stands at the path yet.

    Raises:
        OSError: nothing is left of it.
    """
    partial = _partial(path)
    shutil.rmtree(partial, ignore_errors=True)
    try:
        make_folder(path.parent)
        partial.mkdir()
        write(partial)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def commit_folder(path: Path) -> None:
    """Bring a filled folder to the disk and put it in the path's place.

    A folder that already stands there is moved aside first, so for a moment there is none.

    Raises:
        OSError: the path then still holds what it held, or nothing where the last step of the two failed.
    """
    partial = _partial(path)
    try:
        for entry in [*partial.rglob("*"), partial]:
            _sync(entry)
        if path.exists():
            remove_folder(path)
        partial.rename(path)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    _sync(path.parent)


def remove_folder(path: Path) -> None:
    """Take a folder away in one step, then delete it."""
    aside = path.parent / f"{PARTIAL}removed-{path.name}"
    shutil.rmtree(aside, ignore_errors=True)
    path.rename(aside)
    shutil.rmtree(aside)


def remove_partials(folder: Path) -> None:
    """Delete what ended processes left half-written below a folder."""
    for entry in list(folder.rglob(f"{PARTIAL}*")):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    """Where something is written before it stands at its path."""
    return path.parent / f"{PARTIAL}{path.name}"


def _sync(path: Path) -> None:
    """Bring a file's content, or a folder's list of names, to the disk."""
    if path.is_dir() and os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
