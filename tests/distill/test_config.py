"""A configuration is checked when it is made, and survives JSON, the command line and a change of one setting."""

import argparse
import dataclasses
import json
import shlex

import pytest

from akl_viz.cli.distill import _config, add_options
from akl_viz.distill import DataConfig, DistillConfig, OptimiserConfig, ProbeConfig
from akl_viz.distill.config import loss_folder
from akl_viz.distill.options import OPTIONS, changed, command_of, value_of
from akl_viz.errors import InvalidInput

OTHER = DistillConfig(
    teacher="bundled:teacher",
    student="./my student",
    losses=("akl:mu=0.6,direction=reversed", "forward_kl"),
    steps=7,
    seed=3,
    kd_ratio=0.5,
    data=DataConfig(text="a.jsonl", source="teacher", response_only=True, label_noise=0.25, window=64),
    optimiser=OptimiserConfig(name="sgd", lr=0.1, schedule="cosine", warmup=3, momentum=0.9, clip=1.0),
    probe=ProbeConfig(every=2, windows=3, mu=0.7, boundary="reach", prompts=("It is a", "— é")),
    lora_rank=4,
    dropout=True,
)


@pytest.mark.parametrize("config", [DistillConfig(), OTHER], ids=["defaults", "other"])
def test_json_gives_the_configuration_back(config):
    assert DistillConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize("config", [DistillConfig(), OTHER], ids=["defaults", "other"])
def test_the_shown_command_runs_the_configuration(config, tmp_path, monkeypatch):
    # A text that is not there is refused before anything else.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jsonl").write_text('{"prompt": "a", "response": "b"}\n', encoding="utf-8")
    words = shlex.split(command_of(config, "out"))
    assert words[:2] == ["akl-viz", "distill"]
    parser = argparse.ArgumentParser()
    add_options(parser)
    assert _config(parser.parse_args(words[2:])) == config


def test_every_setting_but_the_watched_positions_is_an_option():
    named = {option.field for option in OPTIONS}
    sections = {"data": DataConfig, "optimiser": OptimiserConfig, "probe": ProbeConfig}
    settings = {field.name for field in dataclasses.fields(DistillConfig)} - set(sections)
    settings |= {f"{name}.{field.name}" for name, kind in sections.items() for field in dataclasses.fields(kind)}
    assert named == settings - {"probe.watched"}


def test_a_changed_setting_leaves_the_others():
    config = changed(OTHER, {"data.window": 48, "steps": 9})
    assert value_of(config, "data.window") == 48
    assert changed(config, {"data.window": 64, "steps": 7}) == OTHER


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (DistillConfig, {"losses": ()}, "at least one loss"),
        (DistillConfig, {"losses": "akl"}, "at least one loss"),
        (DistillConfig, {"losses": ("akl", "akl:")}, "is not of the form"),
        (DistillConfig, {"losses": ("akl:mu=.5", "akl:mu=0.5")}, "akl:mu=0.5 is listed twice"),
        (DistillConfig, {"steps": 0}, "steps must be a whole number of at least 1"),
        (DistillConfig, {"steps": 2.5}, "steps must be a whole number"),
        (DistillConfig, {"steps": True}, "steps must be a whole number"),
        (DistillConfig, {"kd_ratio": 1.5}, "kd_ratio must be a number of at least 0 and at most 1, not 1.5"),
        (DistillConfig, {"kd_ratio": float("nan")}, "kd_ratio must be a number"),
        (DistillConfig, {"temperature": 0.0}, "temperature must lie between"),
        (DistillConfig, {"precision": "int8"}, "precision must be one of auto, float32, bfloat16"),
        (DistillConfig, {"teacher": " "}, "The teacher is not named"),
        (DistillConfig, {"seed": -1}, "seed must be a whole number of at least 0"),
        (DataConfig, {"window": 1}, "window must be a whole number of at least 2"),
        (DataConfig, {"source": "book"}, "source must be one of text, teacher, student"),
        (DataConfig, {"source": "teacher", "prompt_tokens": 300}, "must be smaller than window"),
        (DataConfig, {"label_noise": 2.0}, "label_noise must be"),
        (DataConfig, {"text": ""}, "The text is not named"),
        (OptimiserConfig, {"lr": 0.0}, "lr must be a number above 0"),
        (OptimiserConfig, {"lr": float("inf")}, "lr must be a number above 0"),
        (OptimiserConfig, {"beta2": 1.0}, "must be below 1"),
        (OptimiserConfig, {"schedule": "step"}, "schedule must be one of"),
        (ProbeConfig, {"mu": 1.0}, "mu is the head's probability mass"),
        (ProbeConfig, {"watched": (-1,)}, "watched must list"),
        (ProbeConfig, {"prompts": ("",)}, "prompts must list"),
    ],
)
def test_a_bad_value_is_refused_in_one_sentence(kind, values, said):
    with pytest.raises(InvalidInput) as refusal:
        kind(**values)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "must be an object of settings"),
        ({"colour": 1}, "has no setting 'colour'"),
        ({"data": 3}, "data must be an object"),
        ({"data": {"colour": 1}}, "data has no setting 'colour'"),
        ({"losses": "akl"}, "must be a list"),
        ({"optimiser": {"lr": "fast"}}, "lr must be a number"),
        ({"probe": {"watched": 3}}, "of the wrong kind"),
    ],
)
def test_foreign_json_is_refused_in_one_sentence(value, said):
    with pytest.raises(InvalidInput, match=said):
        DistillConfig.from_json(value)


@pytest.mark.parametrize(
    ("every", "last", "steps"),
    [
        (0, 1, (0, 1)),
        (0, 10, (0, 1, 2, 5, 10)),
        (0, 90, (0, 1, 2, 5, 10, 20, 40, 80, 90)),
        (4, 10, (0, 4, 8, 10)),
    ],
)
def test_probed_steps(every, last, steps):
    assert ProbeConfig(every=every).steps(last) == steps


def test_the_name_of_a_loss_on_disk_is_plain():
    assert loss_folder("akl:direction=reversed,mu=0.6") == "akl-direction-reversed-mu-0.6"
    assert loss_folder("../x") == "..-x"
