"""Stops, queues, deletions and resumptions at any moment: no run that waits is forgotten, and none ends otherwise."""

import random
import time

import pytest

from akl_viz.errors import InvalidInput
from tests.race.conftest import toy_config, wait_for

pytestmark = pytest.mark.slow

ROUNDS = 12
PAUSES_S = (0.0, 0.0, 0.001, 0.01, 0.05, 0.2, 0.6)
LONG = 100_000
SAID = (
    "",
    "It was stopped while it waited. Nothing was trained.",
    "It was stopped before the first step. Nothing was trained.",
)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_behind_one_that_is_stopped_trains_to_its_end_whatever_happens_around_it(races, seed):
    draw, refused = random.Random(seed), []
    for _ in range(ROUNDS):
        first, behind, third = (races.start(toy_config(steps, ("forward_kl",))) for steps in (LONG, 3, 3))
        resumed = None
        time.sleep(draw.choice(PAUSES_S))
        if draw.random() < 0.5:
            races.stop(third)
        if draw.random() < 0.3:
            first.control.pause()
        races.stop(first)
        if draw.random() < 0.7:
            wait_for(lambda first=first: not first.active)
            try:
                resumed = races.resume(first.name) if draw.random() < 0.5 else races.delete(first.name)
            except InvalidInput as error:
                refused.append(str(error))
        if resumed is not None:
            time.sleep(draw.choice(PAUSES_S))
            races.stop(resumed)
        wait_for(lambda: not races.active())
        assert (behind.message, races.run(behind.name).status) == ("", "finished")
        assert all(one is None or one.message in SAID for one in (first, third, resumed))
    # A run that was stopped before its first step has left nothing to resume or delete.
    assert all("There is no run" in sentence for sentence in refused)
