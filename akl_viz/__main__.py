"""The command `akl-viz`, also `python -m akl_viz`."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def run() -> int:
    """Run the command line; return its exit code. Ctrl-C counts from the first import on."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Closed by whoever started it: what is written there goes nowhere, as with print.
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    try:
        from akl_viz.cli import end, main

        return end(main())
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
