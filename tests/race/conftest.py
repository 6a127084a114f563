"""A service with a folder of its own, and runs of the toy language that take a second."""

import time

import pytest

from akl_viz.distill import DataConfig, DistillConfig, ProbeConfig
from akl_viz.ui.race.service import RaceService, service

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
    found = RaceService(tmp_path / "runs")
    yield found
    for race in found.active():
        found.stop(race)
    wait_for(lambda: not found.active())


@pytest.fixture
def root(tmp_path, monkeypatch):
    """The folder of the page's own service."""
    monkeypatch.setenv("AKL_VIZ_RUNS", str(tmp_path))
    service.clear()
    yield tmp_path
    service.clear()


def wait_for(condition):
    """Wait until the condition holds; a generous limit, so that only a hang fails."""
    limit = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < limit, "nothing happened"
        time.sleep(0.02)
