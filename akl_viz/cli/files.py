"""Files a command writes: refused before the work where they cannot be, or would take what is read or kept."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import combinations
from pathlib import Path

from akl_viz.distill.places import from_root
from akl_viz.distill.run_file import is_run
from akl_viz.errors import AklVizError, InvalidInput
from akl_viz.models.files import holds_model
from akl_viz.models.fingerprint import bases_of
from akl_viz.models.reference import Policy, parse_reference

_MOST_LINKS = 40
"""Links that lead to one another before a path is given up: as many as Linux follows."""


def check_outputs(
    outputs: Mapping[str, Path | None],
    *,
    texts: Iterable[Path] = (),
    models: Iterable[str] = (),
    printed: str = "",
) -> None:
    """Refuse files that cannot be written or must not be, before anything is computed for them.

    Args:
        outputs: option -> the file it names, None where it is not given.
        texts: files the command reads.
        models: references of the models it reads.
        printed: the option that prints to standard output beside the files; empty where nothing is printed.

    Raises:
        InvalidInput: a folder, a file whose folder is missing, a pipe or a disk, an input, a place in a model or in a
            run, or one file for two outputs; a link to one of these counts as what it leads to.
    """
    given = [(option, target) for option, target in outputs.items() if target is not None]
    read = _model_places(models)
    for option, target in given:
        _refuse_no_file(option, target)
        for text in texts:
            if _one_file(target, text):
                raise InvalidInput(f"{option} {target} would overwrite the text that is read: choose another file.")
        _refuse_kept(option, target, read)
        if printed and _is_printed_to(target):
            raise InvalidInput(f"{option} {target} is the file that {printed} prints to: choose another file.")
    for (option, target), (other, second) in combinations(given, 2):
        if _holds_one(target) and _one_file(target, second):
            raise InvalidInput(f"{option} and {other} both name {target}: give each a file of its own.")


def check_run_folder(option: str, folder: Path, *, models: Iterable[str] = ()) -> None:
    """Refuse the folder of a new run inside a model or another run: whoever copies or deletes that has this too.

    Raises:
        InvalidInput: names the folder it lies in.
    """
    _refuse_kept(option, from_root(folder), _model_places(models))


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn what the system says against writing the file into InvalidInput."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InvalidInput(f"{target} cannot be written ({reason}); choose another file.") from error


def _refuse_no_file(option: str, target: Path) -> None:
    """Refuse a folder, a missing one, a pipe that waits for a reader, perhaps for ever, and what else holds no table.

    A pipe that this process has open already (standard output, a shell's >(...)) has its reader.
    """
    if target.is_dir():
        raise InvalidInput(f"{target.absolute()} is a folder: name a file in it.")
    if not target.absolute().parent.is_dir():
        raise InvalidInput(f"{target} cannot be written: make the folder {target.absolute().parent} first.")
    try:
        facts = target.stat()
    except OSError:
        return
    mode = facts.st_mode
    if stat.S_ISREG(mode) or stat.S_ISCHR(mode) or (stat.S_ISFIFO(mode) and _is_open(facts)):
        return
    what = "a pipe, which waits for a reader" if stat.S_ISFIFO(mode) else "a disk or a socket"
    raise InvalidInput(f"{option} {target} is {what}: name a file, or /dev/stdout.")


def _is_open(facts: os.stat_result) -> bool:
    """Whether a file is one that this process has open."""
    for entry in Path("/dev/fd").iterdir():
        with suppress(OSError):
            if os.path.samestat(facts, os.fstat(int(entry.name))):
                return True
    return False


def _refuse_kept(option: str, target: Path, read: Iterable[Path]) -> None:
    """Refuse a path that lies in a model or in a run, or leads there."""
    for place in _places(target):
        model = next((folder for folder in read if place.is_relative_to(folder)), None)
        if model is None and holds_model(place.parent):
            model = place.parent
        if model is not None:
            raise _kept(option, target, f"the model {model}")
        run = next((folder for folder in place.parents if is_run(folder)), None)
        if run is not None:
            raise _kept(option, target, f"the run {run}")
    # A second name of a file (a hard link) leads nowhere, and is the file all the same.
    model = next((place for place in read if _is_among(target, place)), None)
    if model is not None:
        raise _kept(option, target, f"the model {model}")


def _kept(option: str, target: Path, what: str) -> InvalidInput:
    return InvalidInput(f"{option} {target} would write into {what}: choose a place outside it.")


def _places(target: Path) -> list[Path]:
    """The path and what its links lead to, one after another, each in the folder it really lies in."""
    found: list[Path] = []
    place = from_root(target.absolute())
    while len(found) < _MOST_LINKS:
        place = Path(os.path.realpath(place.parent)) / place.name
        found.append(place)
        if not place.is_symlink():
            break
        place = from_root(place.parent / place.readlink())
    return found


def _model_places(references: Iterable[str]) -> list[Path]:
    """The folders, or the single file, of local models, with the bases of adapters.

    A hub model lies in a cache, which is known by what it holds; what is no model is refused where it is loaded.
    """
    found: list[Path] = []
    for reference in references:
        try:
            path = parse_reference(reference, Policy.for_command_line()).path
        except AklVizError:
            continue
        if path is not None:
            found += [path, *(base.resolve() for base in bases_of(path))]
    return found


def _one_file(one: Path, other: Path) -> bool:
    """Whether two paths name one file, by whatever links."""
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return os.path.realpath(one) == os.path.realpath(other)


def _holds_one(target: Path) -> bool:
    """Whether of two outputs in one place one would be lost: a terminal, a pipe and the null device take both."""
    return not target.exists() or target.is_file()


def _is_printed_to(target: Path) -> bool:
    """Whether standard output leads into this very file."""
    try:
        return target.is_file() and os.path.samestat(target.stat(), os.fstat(sys.stdout.fileno()))
    except (OSError, ValueError):
        return False


def _is_among(target: Path, place: Path) -> bool:
    """Whether a path names a file that a folder has under another name or reaches by a link, or is that file."""
    try:
        if not stat.S_ISREG(target.stat().st_mode):
            return False
        return any(_one_file(target, entry) for entry in (place.iterdir() if place.is_dir() else [place]))
    except OSError:
        return False
