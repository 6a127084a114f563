"""Whether this process is one of several that a launcher started: from the environment, without torch."""

from __future__ import annotations

import os


def launched() -> bool:
    """Whether `accelerate launch` or torchrun started this process beside others."""
    count = os.environ.get("WORLD_SIZE", "")
    return count.isdecimal() and int(count) > 1 and "RANK" in os.environ


def is_main() -> bool:
    """Whether this is the process that talks: the only one, or the first of those launched."""
    return not launched() or os.environ["RANK"] == "0"
