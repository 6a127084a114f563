"""Files a command writes: refused before the work where they cannot be, with one sentence where they could not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from akl_viz.errors import InvalidInput


def check_folders(*targets: Path | None) -> None:
    """Raise InvalidInput for the first file whose folder is not there, before anything is computed for it."""
    for target in targets:
        if target is not None and target.is_dir():
            raise InvalidInput(f"{target.absolute()} is a folder: name a file in it.")
        if target is not None and not target.absolute().parent.is_dir():
            raise InvalidInput(f"{target} cannot be written: make the folder {target.absolute().parent} first.")


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn what the system says against writing the file into InvalidInput."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InvalidInput(f"{target} cannot be written ({reason}); choose another file.") from error
