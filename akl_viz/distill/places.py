"""Where the files of a run are: named absolutely from its start on, and found again where a run names them otherwise.

Runs written earlier hold paths as they were typed, and a folder of runs may have been moved with its uploads. What is
found is checked by whoever reads it: a text by its digest, a model by the fingerprint of its weights. Loads no torch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from akl_viz.distill.config import BUNDLED_TEXT, TOY_TEXT, DistillConfig
from akl_viz.distill.content import check_file
from akl_viz.errors import AklVizError, InvalidInput
from akl_viz.models.reference import Policy, is_folder, is_hub_id, parse_reference

UPLOADS = ".uploads"
"""Folder beside the runs of the app with the texts people brought."""
_BUILT_IN = (BUNDLED_TEXT, TOY_TEXT)


def absolute(config: DistillConfig, policy: Policy | None = None) -> DistillConfig:
    """The configuration with its text and its models named from the root on, as the working directory has them now.

    Args:
        config: as it was typed.
        policy: which folders may be looked at; None for any. A model it forbids keeps its name.
    """
    return replace(
        config,
        teacher=_absolute_reference(config.teacher, policy or Policy()),
        student=_absolute_reference(config.student, policy or Policy()),
        data=replace(config.data, text=_absolute_text(config.data.text)),
    )


def _absolute_reference(reference: str, policy: Policy) -> str:
    """A model reference with a local folder named from the root on; any other one, also a wrong one, as it is."""
    try:
        found = parse_reference(reference, policy)
    except AklVizError:
        return reference
    if found.kind != "local":
        return reference
    stem = reference.strip().removesuffix(f"#{found.revision}") if found.revision else reference.strip()
    place = str(from_root(Path(stem)))
    return f"{place}#{found.revision}" if found.revision else place


def found_again(config: DistillConfig, meta: Mapping[str, Any], folder: Path) -> DistillConfig:
    """The configuration of a stored run with its text and its models where they are now.

    Args:
        config: as run.json has it.
        meta: run.json.
        folder: of the run.

    Raises:
        InvalidInput: the text has a relative path and is nowhere it could be meant from.
    """
    text = config.data.text
    return replace(
        config,
        teacher=found_reference(config.teacher, meta, "teacher", folder),
        student=found_reference(config.student, meta, "student", folder),
        data=replace(config.data, text=text if text in _BUILT_IN else _found_text(text, config, meta, folder)),
    )


def found_reference(reference: str, meta: Mapping[str, Any], role: str, folder: Path) -> str:
    """A model reference of a stored run: a relative folder as the run recorded it, else as it is found near the run.

    Args:
        reference: as the configuration, or the other program, has it.
        meta: run.json.
        role: teacher or student.
        folder: of the run.
    """
    stem, mark, revision = reference.partition("#")
    if not stem or stem.startswith(("bundled:", "toy:")) or Path(stem).expanduser().is_absolute():
        return reference
    recorded = _recorded(meta, role)
    if recorded is not None and is_folder(recorded):
        return f"{recorded}{mark}{revision}"
    if recorded is None and is_hub_id(stem) and meta.get("config") is not None:
        # A run of ours records the folder of every local model: this one came from the hub.
        return reference
    near = next((place for place in _near(stem, folder) if _holds_model(place)), recorded)
    return reference if near is None else f"{near}{mark}{revision}"


def text_digest(text: str) -> str:
    """What tells two texts of a run apart: a hash of the file, or the name of the built-in text."""
    if text in _BUILT_IN:
        return text
    try:
        path = Path(text).expanduser()
        # A device has no end, and a pipe may have no beginning.
        check_file(path)
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:16]
    except InvalidInput:
        raise
    except (OSError, ValueError, RuntimeError) as error:
        # A null character is a ValueError, the home folder of nobody a RuntimeError.
        raise InvalidInput(f"{text} cannot be read: check the path of the text.") from error


def same_place(one: str, other: str) -> bool:
    """Whether two absolute paths, with the same revision or none, lead to one place."""
    (left, _, first), (right, _, second) = one.partition("#"), other.partition("#")
    if one == other:
        return True
    paths = Path(left), Path(right)
    return first == second and all(path.is_absolute() for path in paths) and paths[0].resolve() == paths[1].resolve()


def _found_text(text: str, config: DistillConfig, meta: Mapping[str, Any], folder: Path) -> str:
    """The file of a text, or the path it had where an absolute one is gone."""
    path = Path(text).expanduser()
    if path.is_absolute():
        moved = folder.absolute().parent / UPLOADS / path.name
        gone = path.parent.name == UPLOADS and not path.is_file()
        return str(moved) if gone and moved.is_file() else text
    bases = (base for role in ("teacher", "student") if (base := _base(getattr(config, role), _recorded(meta, role))))
    wanted = meta.get("text_digest")
    for place in [*(base / path for base in bases), *_near(text, folder)]:
        if place.is_file() and wanted in (None, text_digest(str(place))):
            return str(place)
    raise InvalidInput(
        f"The run learnt on {text}, which is neither in this folder nor in one above the run as it was then: go to the "
        "folder the run was started in, and resume it there."
    )


def _near(path: str, folder: Path) -> Iterator[Path]:
    """Where a relative path may have been meant from: here, the folder of the run, those above it."""
    home = folder.absolute()
    return (from_root(base / path) for base in (Path.cwd(), home, *home.parents))


def _holds_model(place: Path) -> bool:
    return is_folder(place) and any((place / name).is_file() for name in ("config.json", "adapter_config.json"))


def _base(reference: str, recorded: Path | None) -> Path | None:
    """The folder a relative reference was meant from, by where it led."""
    parts = Path(os.path.normpath(reference.partition("#")[0])).parts
    if recorded is None or Path(reference).is_absolute() or recorded.parts[-len(parts) :] != parts:
        return None
    return Path(*recorded.parts[: -len(parts)])


def _recorded(meta: Mapping[str, Any], role: str) -> Path | None:
    """The absolute folder that a run recorded of a model it loaded."""
    path = Path(_said(meta, role).partition("#")[0])
    return path if path.is_absolute() else None


def _said(meta: Mapping[str, Any], role: str) -> str:
    """The reference that a run recorded of a model it loaded; empty where it did not."""
    told = meta.get(role)
    return str(told.get("reference", "")) if isinstance(told, Mapping) else ""


def _absolute_text(text: str) -> str:
    return text if text in _BUILT_IN else str(from_root(Path(text)))


def from_root(path: Path) -> Path:
    """A path from the root on; links in it stay as they are, unless it goes up through them."""
    try:
        whole = path.expanduser().absolute()
        return whole.resolve() if ".." in whole.parts else whole
    except (OSError, RuntimeError, ValueError):
        return path
