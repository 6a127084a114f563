"""How a trace is looked at: what a person chose in the inspector, and what an address brings back."""

from __future__ import annotations

from dataclasses import dataclass

from akl_viz.metrics import DEFAULT_METRIC

BARS = ("probability", "terms")
"""What the bars of a position card show: both probabilities, or what each token adds to both KL; default first."""
SCALES = ("linear", "log")
"""Scale of what is drawn; default first."""


@dataclass(frozen=True)
class View:
    """One view of a trace: enough to open it again."""

    metric: str = DEFAULT_METRIC
    """A key of METRICS: what the text is coloured by."""
    pins: tuple[int, ...] | None = None
    """Indices of the pinned tokens, oldest first; None leaves the choice of a first one to the inspector."""
    fit: bool = False
    """Whether colours end at the largest value of this text instead of at the metric's fixed limit."""
    bars: str = BARS[0]
    """One of BARS."""
    scale: str = SCALES[0]
    """One of SCALES."""
    glyphs: bool = True
    """Whether white space is shown as glyphs."""
