"""What an address or a browser sends is untrusted: each part is checked, and a bad one never breaks the rest."""

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akl_viz.cli import build_parser
from akl_viz.cli.numbers import numbers_of
from akl_viz.loss_spec import LossSpec
from akl_viz.records import BOUNDARIES, Settings
from akl_viz.ui.small_vocabulary.presets import MAX_TOKENS, MIN_TOKENS, PRESETS, REAL, rounded
from akl_viz.ui.small_vocabulary.scene import command, left_out, scene
from akl_viz.ui.small_vocabulary.state import SCALES, State, checked, from_address, to_address, unusable

WEIGHTS = st.lists(st.floats(0, 1), min_size=MIN_TOKENS, max_size=MAX_TOKENS).filter(lambda one: sum(one) > 0)
SPECS = st.sampled_from(["forward_kl", "jsd:beta=0.2", "akl:direction=reversed,gap=squared"]).map(LossSpec.parse)
STATES = st.builds(
    State,
    preset=st.sampled_from([*PRESETS, REAL]),
    size=st.integers(MIN_TOKENS, MAX_TOKENS),
    position=st.none() | st.integers(0, 999_999),
    teacher=st.none() | WEIGHTS.map(rounded),
    student=st.none() | WEIGHTS.map(rounded),
    loss=SPECS,
    settings=st.builds(Settings, st.floats(0.05, 0.95), st.sampled_from(BOUNDARIES), st.floats(0.05, 20)),
    target=st.none() | st.integers(0, MAX_TOKENS - 1),
    scale=st.sampled_from(SCALES),
)


@given(STATES)
def test_a_state_comes_back_from_its_address(state):
    address = {name: value for name, value in to_address(state).items() if value is not None}
    assert "" not in address.values()
    assert from_address(address) == state
    assert unusable(address) == []


def test_the_default_state_needs_no_address():
    assert set(to_address(State()).values()) == {None}


HOSTILE = ["", "nope", "-1", "nan", "inf", "1e999", "__class__", "<b>", "9" * 40, "0_0", "1_", "²", "a:b=c", "1_-1"]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_part_that_is_not_valid_is_its_default(value):
    names = ("preset", "size", "position", "p", "q", "mu", "boundary", "temperature", "target", "scale")
    hostile = dict.fromkeys(names, value)
    assert from_address(hostile) == State()
    assert set(unusable(hostile)) == set(names)


@pytest.mark.parametrize("value", HOSTILE)
def test_a_bad_part_leaves_the_good_ones(value):
    assert from_address({"p": value, "mu": "0.8"}) == State(settings=Settings(mu=0.8))


@pytest.mark.parametrize("loss", ["", "akl:", "akl:x", "akl:mu=", "A KL", "x" * 300, "<img>"])
def test_a_loss_that_is_not_well_formed_is_the_default(loss):
    assert from_address({"loss": loss}) == State()
    assert unusable({"loss": loss}) == ["loss"]


@pytest.mark.parametrize(
    "sent",
    [
        {"teacher": [1, "2", 3]},
        {"teacher": [1, None]},
        {"teacher": [True, False, True]},
        {"teacher": "1,2,3"},
        {"teacher": [0.1] * (MAX_TOKENS + 1)},
        {"teacher": [float("nan")] * 5},
        {"teacher": [1e300] * 5},
        {"teacher": [10**400] * 5},
        {"teacher": [0.5, -0.1, 0.6, 0.1, 0.1]},
        {"mu": 10**400},
        {"temperature": float("nan")},
        {"size": 10.5},
        {"size": True},
        {"mu": "0.5"},
        {"mu": [0.5]},
        {"preset": ["zipf"]},
        {"scale": {}},
        {"boundary": ["below"]},
        {"loss": 7},
        {"target": -1},
    ],
)
def test_what_a_browser_sends_is_checked_too(sent):
    assert checked(sent) == State()


def test_bars_of_another_length_and_tokens_that_are_not_there_are_left_out():
    found = scene(State(size=8, teacher=(0.5,) * 5, student=(0.2,) * 8, target=40))
    assert (found.state.teacher, found.state.student, found.state.target) == (None, (0.2,) * 8, None)
    assert len(found.teacher) == 8
    asked = State(size=8, teacher=(0.5,) * 5, student=(0.2,) * 8, target=40, position=3)
    assert left_out(asked, found) == ["position", "target", "p"]


def test_bars_as_the_preset_has_them_need_no_address():
    start = scene(State()).start
    asked = State(teacher=start.teacher)
    assert scene(asked).state == State()
    assert left_out(asked, scene(asked)) == []


@given(STATES)
def test_the_command_parses_back_to_the_scene(state):
    found = scene(state)
    lines = command(found).splitlines()
    assert len(lines) == (2 if state.loss.given else 1)
    for line in lines:
        words = shlex.split(line)
        arguments = build_parser().parse_args(words[1:])
        assert numbers_of(arguments.teacher, "--teacher") == found.teacher
        assert numbers_of(arguments.student, "--student") == found.student
        assert Settings(arguments.mu, arguments.boundary, arguments.temperature) == state.settings
        assert arguments.target == found.state.target
        assert arguments.json
    if state.loss.given:
        assert [LossSpec.parse(text) for text in arguments.loss] == [state.loss]
