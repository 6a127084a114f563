"""Which process talks, and how long things take in words."""

import pytest

from akl_viz.distill.duration import duration
from akl_viz.distill.launched import is_main, launched


@pytest.mark.parametrize(
    ("variables", "several", "main"),
    [
        ({}, False, True),
        ({"RANK": "0", "WORLD_SIZE": "2"}, True, True),
        ({"RANK": "1", "WORLD_SIZE": "2"}, True, False),
        ({"RANK": "1", "WORLD_SIZE": "1"}, False, True),
        ({"RANK": "1"}, False, True),
        ({"WORLD_SIZE": "2"}, False, True),
        ({"RANK": "1", "WORLD_SIZE": ""}, False, True),
        ({"RANK": "1", "WORLD_SIZE": "many"}, False, True),
    ],
)
def test_a_process_is_one_of_several_only_where_a_launcher_says_how_many(monkeypatch, variables, several, main):
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (launched(), is_main()) == (several, main)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "0 s"),
        (42.4, "42 s"),
        (89.9, "90 s"),
        (90, "2 min"),
        (3_000, "50 min"),
        (5_400, "1.5 h"),
        (36_000, "10.0 h"),
    ],
)
def test_a_duration_is_said_in_its_largest_fitting_unit(seconds, words):
    assert duration(seconds) == words
