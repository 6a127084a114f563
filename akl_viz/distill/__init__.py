"""Live distillation: several losses race from one start on the same sequences, and nothing is lost.

Importing this package loads no torch: each name is fetched on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from akl_viz.distill.config import DataConfig, DistillConfig, OptimiserConfig, ProbeConfig
    from akl_viz.distill.control import Control
    from akl_viz.distill.engine import Diverged, distill
    from akl_viz.distill.records import HISTORY_COLUMNS, ProbeDetail, ProbeRow, StepRecord, TeacherDetail
    from akl_viz.distill.runs import Run, delete_run, list_runs, open_run, read_history
    from akl_viz.distill.store import RunStore

__all__ = [
    "HISTORY_COLUMNS",
    "Control",
    "DataConfig",
    "DistillConfig",
    "Diverged",
    "OptimiserConfig",
    "ProbeConfig",
    "ProbeDetail",
    "ProbeRow",
    "Run",
    "RunStore",
    "StepRecord",
    "TeacherDetail",
    "delete_run",
    "distill",
    "list_runs",
    "open_run",
    "read_history",
]

_HOMES = {
    "DataConfig": "config",
    "DistillConfig": "config",
    "OptimiserConfig": "config",
    "ProbeConfig": "config",
    "Control": "control",
    "Diverged": "engine",
    "distill": "engine",
    "HISTORY_COLUMNS": "records",
    "ProbeDetail": "records",
    "ProbeRow": "records",
    "StepRecord": "records",
    "TeacherDetail": "records",
    "Run": "runs",
    "delete_run": "runs",
    "list_runs": "runs",
    "open_run": "runs",
    "read_history": "runs",
    "RunStore": "store",
}


def __getattr__(name: str) -> object:
    """Fetch a public name from the module that holds it (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"akl_viz.distill.{_HOMES[name]}"), name)
