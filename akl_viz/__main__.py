"""The command `akl-viz`, also `python -m akl_viz`."""

from __future__ import annotations

import sys


def run() -> int:
    """Run the command line; return its exit code. Ctrl-C counts from the first import on."""
    try:
        from akl_viz.cli import main

        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
