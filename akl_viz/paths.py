"""Where the project's own files lie: in a checkout beside the package, in a wheel inside it."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLE = _PACKAGE / "_bundle"

ROOT = _BUNDLE if _BUNDLE.is_dir() else _PACKAGE.parent
DATA = ROOT / "data"
CONTENT = ROOT / "content"
APP = ROOT / "app.py"

RUNS_VARIABLE = "AKL_VIZ_RUNS"
"""Environment variable: the folder that keeps the runs started in the app."""


def runs_root() -> Path:
    """Where the app keeps its runs: AKL_VIZ_RUNS, else akl-viz-runs in the home folder."""
    given = os.environ.get(RUNS_VARIABLE)
    return Path(given).expanduser().absolute() if given else Path.home() / "akl-viz-runs"
