"""A service with a folder of its own, and runs of the toy language that take a second."""

import time

import pytest

from akl_viz.distill import DataConfig, DistillConfig, ProbeConfig
from akl_viz.ui.race.service import RaceService

DEADLINE_S = 120


def toy_config(steps=4, losses=("forward_kl", "reverse_kl"), **changes):
    return DistillConfig(
        teacher="toy:teacher",
        student="toy:student",
        losses=losses,
        steps=steps,
        data=DataConfig(text="toy", window=32),
        probe=ProbeConfig(windows=2, watched=(3, 5), samples=1, sample_tokens=4),
        **changes,
    )


@pytest.fixture
def races(tmp_path):
    service = RaceService(tmp_path / "runs")
    yield service
    for race in service.active():
        service.stop(race)
    wait_for(lambda: not service.active())


def wait_for(condition):
    """Wait until the condition holds; a generous limit, so that only a hang fails."""
    limit = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < limit, "nothing happened"
        time.sleep(0.02)
