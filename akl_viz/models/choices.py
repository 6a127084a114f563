"""What a person may choose from when loading a model: names only, so that a page can list them without torch."""

from __future__ import annotations

AUTO = "auto"
"""Leaves the choice to the machine and the checkpoint."""
DEVICES = (AUTO, "cpu", "cuda", "mps")
"""Kinds of device; `cuda:N` names one of several."""
DTYPES = (AUTO, "float32", "bfloat16", "float16", "float64")
"""Number formats a model can be loaded in."""
