"""Settings travel from widgets to a configuration and through an address, and nothing hostile with them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akl_viz.distill import DataConfig, DistillConfig, OptimiserConfig, ProbeConfig
from akl_viz.errors import InvalidInput
from akl_viz.ui import permalink
from akl_viz.ui.race import setup
from akl_viz.ui.race.fields import GROUPS, within_widgets
from akl_viz.ui.race.setup import flat, nested

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


def test_every_widget_stands_for_a_setting():
    known = set(flat(DistillConfig()))
    drawn = [field.name for fields in GROUPS.values() for field in fields]
    assert set(drawn) <= known
    assert len(drawn) == len(set(drawn))


def test_watched_positions_must_be_whole_numbers():
    with pytest.raises(InvalidInput, match="whole numbers"):
        nested(flat(DistillConfig()) | {"probe.watched": "3, x"})


def test_an_address_brings_a_configuration_back():
    packed = permalink.pack_text(json.dumps(OTHER.to_json()))
    assert setup._from_link(packed) == OTHER


@pytest.mark.parametrize("text", ["/etc/passwd", "/etc/hosts.txt", "../x.csv", "file:///x.txt"])
def test_an_address_cannot_name_a_file_that_was_not_uploaded(text):
    hostile = DistillConfig().to_json()
    hostile["data"]["text"] = text
    assert setup._from_link(permalink.pack_text(json.dumps(hostile))) is None


@given(st.text(max_size=200))
def test_no_address_raises(text):
    setup._from_link(text)
    setup._from_link(permalink.pack_text(text))


def test_an_upload_is_kept_under_a_name_of_its_contents(tmp_path, monkeypatch):
    monkeypatch.setenv("AKL_VIZ_RUNS", str(tmp_path))
    path = setup._stored("../../evil.txt", b"some text")
    assert path.parent == tmp_path / ".uploads"
    assert path.suffix == ".txt"
    assert path.read_bytes() == b"some text"
    assert setup._stored("x.exe", b"some text") == path
    assert setup._is_upload(path)


@pytest.mark.parametrize(("name", "value"), [("steps", 1_000_000), ("optimiser.lr", 50.0), ("device", "cuda:7")])
def test_an_address_beyond_the_widgets_is_refused_and_not_changed(name, value):
    values = flat(DistillConfig())
    assert within_widgets(values)
    assert not within_widgets(values | {name: value})
    config = DistillConfig.from_json(nested(values | {name: value}))
    assert setup._from_link(permalink.pack_text(json.dumps(config.to_json()))) is None
