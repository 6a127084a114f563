"""Files of a checkpoint folder: plain ones only, inside the allowed folders, and no larger than such a file can be."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from akl_viz.errors import CheckpointUnavailable
from akl_viz.models.reference import Policy

JSON_BYTES = 16_000_000
"""Longest configuration: the index of a model of 100,000 tensors has 10 MB, everything else far less."""

TOKENIZER_BYTES = 100_000_000
"""Longest tokenizer file: those of 256,000 tokens have 35 MB."""

_TOKENIZERS = {"tokenizer.json", "tokenizer.model", "vocab.json", "merges.txt", "vocab.txt", "spiece.model"}
_READ = {".json", ".jinja", ".txt", ".model", ".safetensors"}
"""Endings of what is read of a checkpoint; other files may lie beside it and are not opened."""
_NOT_READ = {"trainer_state.json", "all_results.json", "train_results.json", "eval_results.json", "README.txt"}
"""Records that trainers leave there, which may be long."""
_ENTRIES = 10_000
_LEVELS = 100
"""Levels of a configuration: real ones have less than ten."""
_TEMPLATES = "additional_chat_templates"
_CONFIGURATIONS = ("config.json", "adapter_config.json")
_WEIGHTS = ("*.safetensors", "*.bin")


def check_folder(folder: Path, policy: Policy) -> None:
    """Refuse a model folder in which a file is no plain file, is too large to be read, or leads out of the roots.

    Libraries open files of a folder by names of their own (templates, generation settings), so all are looked at.

    Raises:
        CheckpointUnavailable: names the first such file.
    """
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= _ENTRIES:
                raise CheckpointUnavailable(
                    f"{folder} holds more than {_ENTRIES:,} files: give the folder of one checkpoint."
                )
            _check_entry(Path(entry.path), policy)


def check_file(path: Path, policy: Policy) -> None:
    """Refuse what is no plain file (a device, a pipe), or what a symlink takes outside the policy's roots.

    A file that is missing passes; hub caches are checked by their own layout.

    Raises:
        CheckpointUnavailable: says which.
    """
    mode = _mode(path, policy)
    if mode is not None and not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "a device or a pipe"
        raise CheckpointUnavailable(f"{path} is {what}, not a file: copy the checkpoint again from where it came from.")


def holds_model(folder: Path) -> bool:
    """Whether a folder holds a configuration and weights: a configuration alone may be any program's."""
    try:
        named = any((folder / name).is_file() for name in _CONFIGURATIONS)
        return named and any(any(folder.glob(glob)) for glob in _WEIGHTS)
    except OSError:
        return False


def read_json(path: Path, policy: Policy) -> dict[str, Any]:
    """Read one JSON object of a checkpoint.

    Raises:
        CheckpointUnavailable: the file is missing, no plain file, outside the policy's roots, too large, or not a
            JSON object.
    """
    check_file(path, policy)
    try:
        _check_size(path)
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointUnavailable(
            f"{path} is missing: give a folder that save_pretrained wrote, with {path.name} in it."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointUnavailable(
            f"{path} is not a valid JSON file: copy it again from where the checkpoint came from."
        ) from error
    if _nested_deeper(content, _LEVELS):
        raise CheckpointUnavailable(
            f"{path} nests its entries more than {_LEVELS} levels deep, which no such file of a checkpoint does: "
            "copy it again from where the checkpoint came from."
        )
    if not isinstance(content, dict):
        raise CheckpointUnavailable(f"{path} does not hold a JSON object: copy it again from the checkpoint's source.")
    return content


def _nested_deeper(content: Any, levels: int) -> bool:
    """Whether a JSON value is nested deeper than some levels: what reads it walks down by calls within calls."""
    layer = [content]
    for _ in range(levels):
        inside = (one.values() if isinstance(one, dict) else one for one in layer if isinstance(one, dict | list))
        layer = [part for parts in inside for part in parts]
    return any(isinstance(one, dict | list) for one in layer)


def _check_entry(path: Path, policy: Policy) -> None:
    """Refuse one entry of a folder; of its sub-folders only the one that a tokenizer reads is looked into."""
    mode = _mode(path, policy)
    if mode is None:
        return
    if stat.S_ISDIR(mode):
        if path.name == _TEMPLATES:
            check_folder(path, policy)
        return
    if path.suffix in _READ:
        check_file(path, policy)
        _check_size(path)


def _mode(path: Path, policy: Policy) -> int | None:
    """What kind of file a path leads to, inside the roots; None for one that is missing."""
    if policy.roots is not None and path.is_symlink():
        policy.check_path(path)
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CheckpointUnavailable(f"{path} cannot be opened ({error.strerror}): check where it leads.") from error


def _check_size(path: Path) -> None:
    """Refuse a text file that no checkpoint has so large, before any of it is read."""
    if path.suffix == ".safetensors" or path.suffix not in _READ or path.name in _NOT_READ:
        return
    limit = TOKENIZER_BYTES if path.name in _TOKENIZERS else JSON_BYTES
    if path.stat().st_size > limit:
        raise CheckpointUnavailable(
            f"{path} is larger than {limit // 1_000_000} MB, which no such file of a checkpoint is: "
            "copy it again from where the checkpoint came from."
        )
