"""Settings travel from widgets to a configuration and back."""

import pytest

from akl_viz.distill import DataConfig, DistillConfig, OptimiserConfig, ProbeConfig
from akl_viz.errors import InvalidInput
from akl_viz.ui.race.fields import _LABELS, _MAIN, GROUPS, by_label
from akl_viz.ui.race.settings import REALS, flat, nested

OTHER = DistillConfig(
    losses=("akl:direction=reversed,mu=0.6", "tvd"),
    steps=7,
    kd_ratio=0.5,
    data=DataConfig(text="toy", window=64, source="student"),
    optimiser=OptimiserConfig(name="sgd", lr=0.5, momentum=0.9),
    probe=ProbeConfig(watched=(1, 2), prompts=("One day", "Two days")),
)


@pytest.mark.parametrize("config", [DistillConfig(), OTHER])
def test_a_configuration_comes_back_from_its_widgets(config):
    assert DistillConfig.from_json(nested(flat(config))) == config


def test_every_setting_has_a_widget_and_every_widget_a_setting():
    drawn = [field.name for field in (*_MAIN, *(one for fields in GROUPS.values() for one in fields))]
    assert len(drawn) == len(set(drawn))
    # The models, the losses and the text have boxes of their own.
    assert {*drawn, "teacher", "student", "losses", "data.text"} == set(flat(DistillConfig()))


def test_a_whole_number_stands_for_a_real_one():
    values = flat(DistillConfig(temperature=2, optimiser=OptimiserConfig(lr=1)))
    assert all(isinstance(values[name], float) for name in REALS)
    assert {"optimiser.lr", "temperature", "kd_ratio", "probe.mu"} <= REALS
    assert isinstance(values["steps"], int)


def test_watched_positions_must_be_whole_numbers():
    with pytest.raises(InvalidInput, match="whole numbers"):
        nested(flat(DistillConfig()) | {"probe.watched": "3, x"})


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: OptimiserConfig(lr=0.0), '"Learning rate" must be a number above 0'),
        (
            lambda: DataConfig(source="teacher", window=8),
            '"Tokens of a sample\'s prompt" (32) must be smaller',
        ),
        (
            lambda: OptimiserConfig(beta1=1.0),
            '"β₁ of adamw and adam", "β₂ of adamw and adam" and "Mom',
        ),
        (lambda: ProbeConfig(mu=1.0), '"μ, mass of the head" is the head\'s probability mass'),
        (lambda: DistillConfig(losses=()), "A run needs at least one loss"),
    ],
)
def test_messages_name_settings_as_their_boxes_do(make, words):
    with pytest.raises(InvalidInput) as caught:
        make()
    assert by_label(str(caught.value)).startswith(words)


def test_every_setting_has_a_label_of_its_own():
    assert len(_LABELS) == len(_MAIN) + sum(map(len, GROUPS.values()))
    # What is no message of the configuration is left alone.
    for sentence in (
        "The text (a name) must be read.",
        "words.txt is empty: choose a file with text.",
        "other must have steps, rows",
        "",
    ):
        assert by_label(sentence) == sentence
