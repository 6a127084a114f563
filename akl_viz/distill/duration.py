"""How long something takes, in words."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds as people say them: 42 s, 3 min, 2.5 h."""
    if seconds < 90:
        return f"{round(seconds)} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
