"""A long run keeps the memory it has."""

import gc
import os
from dataclasses import replace
from pathlib import Path

import pytest

from akl_viz.distill import distill
from tests.distill.conftest import PROBE, toy

GROWTH = 0.02
STEPS = 2000


def resident() -> int:
    """Pages of this process in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's own account of memory")
def test_two_thousand_steps_do_not_grow_by_more_than_two_percent(tmp_path):
    """Probes every 50 steps and a checkpoint every 100, so that what they leave behind would show.

    The first tenth fills pools and caches that every process has; the held-out logits are among them.
    """
    config = toy(
        losses=("akl",),
        steps=STEPS,
        checkpoint_every=100,
        keep=2,
        probe=replace(PROBE, every=50),
        window=16,
        rows=1,
    )
    sizes = []
    for record in distill(config, tmp_path / "run"):
        if record.step in (STEPS // 10, STEPS):
            sizes.append(resident())
    assert sizes[1] <= sizes[0] * (1 + GROWTH), (
        f"{(sizes[1] / sizes[0] - 1):.1%} of {os.sysconf('SC_PAGE_SIZE')} B pages"
    )
