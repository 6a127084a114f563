"""The rank-limited student of the capacity page: `akl-viz toy lowrank --preset capacity`, a few minutes on one core."""

from __future__ import annotations

import sys

from text import DATA

from akl_viz.cli import main

if __name__ == "__main__":
    folder = DATA / "toys"
    folder.mkdir(exist_ok=True)
    sys.exit(main(["toy", "lowrank", "--preset", "capacity", "--out", str(folder / "lowrank.json")]))
