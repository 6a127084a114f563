"""The numbers the learn pages open with, so that they are filled before torch is imported: a few minutes on one core.

The rank-limited student is `akl-viz toy lowrank --preset capacity`; the others are the programs of their pages.
"""

from __future__ import annotations

import runpy
import sys

from text import DATA

from akl_viz.cli import main

PAGES = ("gaussian.fits", "discrete.results", "proof.numbers")
"""Modules of `akl_viz.ui` that, run as programs, store the first view of their page."""

if __name__ == "__main__":
    folder = DATA / "toys"
    folder.mkdir(exist_ok=True)
    code = main(["toy", "lowrank", "--preset", "capacity", "--out", str(folder / "lowrank.json")])
    if code:
        sys.exit(code)
    for name in PAGES:
        runpy.run_module(f"akl_viz.ui.{name}", run_name="__main__")
