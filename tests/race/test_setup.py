"""The controls of the race page: what an address, a file and a typed word may do to a configuration."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from akl_viz.distill import DataConfig, DistillConfig
from akl_viz.errors import InvalidInput
from akl_viz.ui import permalink
from akl_viz.ui.race import setup, uploads
from akl_viz.ui.race.settings import flat, nested
from tests.race.test_settings import OTHER


def _controls():
    import streamlit as st

    from akl_viz.ui.race.setup import configured
    from akl_viz.ui.race.start import start_row

    st.session_state["got"] = configured()
    start_row(st.session_state["got"])


@pytest.fixture
def controls(tmp_path, monkeypatch):
    """The controls alone, not yet run; runs and uploads are kept in a folder of their own."""
    from akl_viz.ui.race.service import service

    monkeypatch.setenv("AKL_VIZ_RUNS", str(tmp_path))
    service.clear()
    yield AppTest.from_function(_controls, default_timeout=60)
    service.clear()


def ran(page):
    page.run()
    assert not page.exception
    return page


def opened(page, config):
    page.query_params["config"] = permalink.pack_text(json.dumps(config.to_json()))
    return ran(page)


def said(page):
    return [box.value for box in (*page.error, *page.warning)]


def start(page):
    return page.button(key="race.start")


def with_text(page, name, content):
    """The page after choosing an own file."""
    page.session_state["race.text_kind"] = setup.UPLOAD
    ran(page)
    page.file_uploader(key="race.upload").set_value((name, content, "application/octet-stream"))
    return ran(page)


def test_the_defaults_are_a_run(controls):
    page = ran(controls)
    assert page.session_state["got"] == DistillConfig()
    assert "config" not in page.query_params
    assert not start(page).disabled


def test_an_address_brings_a_configuration_back(controls):
    page = opened(controls, replace(OTHER, kd_ratio=1.0))
    # The toy language brings its own pair of models.
    toy = {"teacher": "toy:teacher", "student": "toy:student"}
    assert page.session_state["got"] == replace(OTHER, kd_ratio=1.0, **toy)
    assert said(page) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("steps", 1_000_000), ("optimiser.lr", 50.0), ("optimiser.lr", 1e-9), ("optimiser.lr", 1)),
        *(("data.window", 4096), ("data.window", 3), ("data.rows", 1_000), ("temperature", 30), ("probe.mu", 0.99)),
        *(("device", "cuda:7"), ("probe.windows", 5_000), ("seed", 2**63 - 1), ("optimiser.warmup", 2**60)),
        *(("dropout", True), ("keep", 3), ("optimiser.beta1", 0.5), ("lora_alpha", 7.5), ("probe.samples", 0)),
    ],
)
def test_every_legal_setting_of_an_address_is_kept(controls, name, value):
    config = DistillConfig.from_json(nested(flat(DistillConfig()) | {name: value}))
    page = opened(controls, config)
    assert said(page) == []
    assert page.session_state["got"] == config
    assert ran(page).session_state["got"] == config


def test_a_value_no_box_can_hold_can_be_given_up(controls):
    page = opened(controls, DistillConfig(seed=2**60))
    assert page.text_input[0].value == str(2**60)
    page.button(key="race.seed.reset").click()
    assert ran(page).session_state["got"] == DistillConfig()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"steps": 0}, '"Steps" must be'),
        ({"steps": 1.5}, "whole number"),
        ({"optimiser": {"lr": "fast"}}, '"Learning rate" must be'),
        ({"optimiser": {"lr": 10**400}}, "wrong kind"),
        ({"colour": "red"}, "no setting"),
        ({"data": {"text": "/etc/passwd"}}, "upload it again"),
        ({"data": {"text": "../x-0123456789abcdef.txt"}}, "upload it again"),
        ({"data": {"text": "x-0123456789abcdef.txt"}}, "upload it again"),
        ({"losses": ["akl:"]}, "not of the form"),
    ],
)
def test_an_address_that_cannot_be_used_says_why_and_changes_nothing(controls, changes, word):
    controls.query_params["config"] = permalink.pack_text(json.dumps(changes))
    page = ran(controls)
    assert word in page.warning[0].value.replace("\\", "")
    assert page.session_state["got"] == DistillConfig()


def test_a_wrong_number_is_said_by_the_label_of_its_box(controls):
    ran(controls)
    controls.number_input(key="race.optimiser.lr").set_value(0.0)
    page = ran(controls)
    (sentence,) = [value.replace("\\", "") for value in said(page)]
    assert sentence == '"Learning rate" must be a number above 0, not 0.0.'
    assert start(page).disabled


def test_an_unknown_device_is_refused_where_it_is_typed(controls):
    page = opened(controls, DistillConfig(device="cuda:x"))
    assert ["There is no device" in sentence for sentence in said(page)] == [True]
    assert start(page).disabled


@pytest.mark.slow
@pytest.mark.parametrize(
    ("losses", "word"),
    [
        (["no_such_loss"], "no\\_such\\_loss"),
        (["akl:nonsense=1"], "nonsense"),
        (["forward_kl", "akl:mu=2"], "mu"),
        (["akl:"], "not of the form"),
        ([], "at least one loss"),
        (["akl", "akl"], "twice"),
    ],
)
def test_a_loss_that_cannot_race_is_said_at_once_and_start_is_off(controls, losses, word):
    ran(controls)
    controls.session_state["race.losses"] = losses
    page = ran(controls)
    (sentence,) = said(page)
    assert word in sentence
    assert start(page).disabled


@pytest.mark.slow
def test_losses_with_sound_parameters_race(controls):
    ran(controls)
    controls.session_state["race.losses"] = ["akl:direction=reversed,mu=0.6", "jsd:beta=0.2"]
    page = ran(controls)
    assert page.session_state["got"].losses == ("akl:direction=reversed,mu=0.6", "jsd:beta=0.2")
    assert said(page) == []


@pytest.mark.slow
def test_sequences_that_no_text_can_be_learnt_from_are_said_at_once(controls):
    page = opened(controls, DistillConfig(kd_ratio=0.5, data=DataConfig(source="student")))
    (sentence,) = said(page)
    assert "its own samples" in sentence
    assert start(page).disabled


@given(st.text(max_size=200))
def test_no_address_raises_anything_else(text):
    for packed in (text, permalink.pack_text(text)):
        with pytest.raises(InvalidInput):
            setup._from_link(packed)


def test_a_link_names_an_own_text_and_no_folder(controls, tmp_path):
    page = with_text(controls, "my words.txt", b"A text of some words.")
    assert said(page) == []
    kept = page.session_state["got"].data.text
    assert (uploads.is_kept(uploads.uploads() / kept), kept.startswith(str(tmp_path))) == (True, True)
    told = permalink.unpack_text(page.query_params["config"])
    assert str(tmp_path) not in told
    assert json.loads(told)["data"]["text"].startswith("my-words-")
    other = AppTest.from_function(_controls, default_timeout=60)
    other.query_params["config"] = page.query_params["config"]
    assert ran(other).session_state["got"] == page.session_state["got"]


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("none.txt", b"", "none.txt is empty"),
        ("none.jsonl", b"", "none.jsonl is empty"),
        ("blank.txt", b" \n ", "blank.txt is empty"),
        ("lines.jsonl", b'{"text": "one"}\n{"text": "two"\n{"text": "three"}\n', "Line 2 of lines.jsonl"),
        ("latin.txt", "naïve".encode("latin-1"), "not UTF-8"),
        ("table.csv", b"colour,size\nred,3\n", "no column"),
        ("table.parquet", b"PAR1", "not a valid Parquet"),
    ],
)
def test_a_file_that_cannot_be_learnt_on_is_said_at_once_by_its_own_name(controls, name, content, word):
    page = with_text(controls, name, content)
    (sentence,) = [value.replace("\\", "") for value in said(page)]
    assert word in sentence
    assert start(page).disabled
    # Every box is still there.
    assert page.number_input(key="race.optimiser.lr").value == DistillConfig().optimiser.lr


def test_a_column_that_is_named_makes_a_table_usable(controls):
    page = with_text(controls, "table.csv", b"colour,size\nred,3\n")
    page.text_input(key="race.data.column").set_value("colour")
    assert said(ran(page)) == []
    assert not start(page).disabled


def test_a_text_that_is_gone_is_asked_for_again(controls):
    page = with_text(controls, "words.txt", b"A text of some words.")
    next(uploads.uploads().iterdir()).unlink()
    (sentence,) = said(ran(page))
    assert "choose it again" in sentence


def test_the_file_of_a_run_replaces_the_one_in_the_upload_box(controls):
    page = with_text(controls, "first.txt", b"A first text of some words.")
    first = page.session_state["got"]
    second = uploads.store("second.txt", b"A second text.", set())
    wanted = replace(first, steps=9, data=replace(first.data, text=str(second)))
    page.session_state["race.wanted"] = wanted
    assert ran(page).session_state["got"] == wanted
    assert ran(page).session_state["got"] == wanted


def test_a_text_outside_the_uploads_is_never_read(controls, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("A secret of some words.")
    ran(controls)
    controls.session_state["race.wanted"] = DistillConfig(data=DataConfig(text=str(secret)))
    page = ran(controls)
    assert "choose it again" in said(page)[0]
    assert page.session_state["got"] is None
