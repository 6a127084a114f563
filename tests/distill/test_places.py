"""Where the files of a run are: it goes on from any folder, also where it was written with paths as they were typed."""

import dataclasses
import json
import shutil

import pytest

from akl_viz.cli import main
from akl_viz.distill import Control, DataConfig, DistillConfig, ProbeConfig, distill, open_run
from akl_viz.distill.places import absolute, found_reference
from akl_viz.errors import InvalidInput
from tests.distill.conftest import numbers, run

AT, STEPS = 2, 4
PLACES = ("models/teacher", "./models/student", "data/text.txt")


@pytest.fixture
def project(tmp_path, family_pair, monkeypatch):
    """A folder with models and a text; it is the working directory."""
    home = tmp_path / "project"
    for source, name in zip(family_pair[:2], PLACES, strict=False):
        shutil.copytree(source, home / name)
    (home / "data").mkdir()
    shutil.copy(family_pair[2], home / PLACES[2])
    monkeypatch.chdir(home)
    return home


def config(**changes):
    teacher, student, text = PLACES
    return DistillConfig(
        teacher=teacher,
        student=student,
        losses=("akl",),
        steps=STEPS,
        data=DataConfig(text=text, window=16),
        probe=ProbeConfig(windows=1, watched=(3,), samples=0),
        **changes,
    )


def stopped(folder):
    control = Control()
    for record in distill(config(), folder, control=control):
        if record.step == AT:
            control.stop()
    assert open_run(folder).status == "stopped"


def elsewhere(tmp_path, monkeypatch):
    """Another working directory, with another text and other models of the same names."""
    other = tmp_path / "elsewhere"
    (other / "data").mkdir(parents=True)
    (other / PLACES[2]).write_text("Another text. " * 200)
    monkeypatch.chdir(other)


def as_older(folder):
    """Put the paths of a run as they were typed, as runs were written earlier."""
    path = folder / "run.json"
    meta = json.loads(path.read_text())
    meta["config"] |= {"teacher": PLACES[0], "student": PLACES[1]}
    meta["config"]["data"]["text"] = PLACES[2]
    path.write_text(json.dumps(meta))


@pytest.mark.parametrize("older", [False, True])
def test_a_run_started_with_relative_paths_goes_on_from_any_folder(older, project, tmp_path, monkeypatch):
    run(config(), "runs/whole")
    stopped("runs/one")
    told = open_run("runs/one").config
    assert [told.teacher, told.student, told.data.text] == [str(project / place) for place in PLACES]
    if older:
        as_older(project / "runs/one")
    elsewhere(tmp_path, monkeypatch)
    run(None, project / "runs/one", resume=True)
    assert numbers(project / "runs/one").equals(numbers(project / "runs/whole"))
    assert open_run(project / "runs/one").config == told


def test_an_older_run_that_was_moved_with_its_project_goes_on(project, tmp_path, monkeypatch):
    run(config(), "runs/whole")
    stopped("runs/one")
    as_older(project / "runs/one")
    elsewhere(tmp_path, monkeypatch)
    moved = project.rename(tmp_path / "moved")
    assert open_run(moved / "runs/one").teacher_reference == str(moved / PLACES[0])
    run(None, moved / "runs/one", resume=True)
    assert numbers(moved / "runs/one").equals(numbers(moved / "runs/whole"))


def test_a_text_that_lies_nowhere_is_said_in_a_sentence(project, tmp_path, monkeypatch):
    stopped("runs/one")
    as_older(project / "runs/one")
    one = (project / "runs/one").rename(tmp_path / "one")
    (project / PLACES[2]).unlink()
    elsewhere(tmp_path, monkeypatch)
    with pytest.raises(
        InvalidInput, match=r"learnt on data/text.txt, which is neither in this folder nor in one above"
    ):
        distill(None, one, resume=True)


def test_a_resumed_command_may_name_the_same_places_in_another_way(project, tmp_path, monkeypatch, capsys):
    stopped("runs/one")
    monkeypatch.chdir(project / "data")
    words = ["distill", "--resume", "--out", "../runs/one", "--teacher", "../models/teacher", "--text", "text.txt"]
    assert main(words) == 0
    assert open_run(project / "runs/one").status == "finished"
    elsewhere(tmp_path, monkeypatch)
    assert main(["distill", "--resume", "--out", str(project / "runs/one"), "--text", PLACES[2], "--steps", "6"]) == 2
    assert "started with other settings (data)" in capsys.readouterr().err


def test_the_text_of_a_folder_of_runs_that_was_moved_is_found_beside_them(project, tmp_path):
    runs = project / "kept"
    (runs / ".uploads").mkdir(parents=True)
    text = shutil.copy(PLACES[2], runs / ".uploads" / "text-0123456789abcdef.txt")
    control = Control()
    given = config()
    given = dataclasses.replace(given, data=dataclasses.replace(given.data, text=str(text)))
    for record in distill(given, runs / "one", control=control):
        if record.step == AT:
            control.stop()
    moved = runs.rename(tmp_path / "moved")
    run(None, moved / "one", resume=True)
    assert open_run(moved / "one").config.data.text == str(moved / ".uploads" / "text-0123456789abcdef.txt")


def test_what_is_no_path_keeps_its_name(project):
    (project / "owner" / "name").mkdir(parents=True)
    (project / "owner" / "name" / "config.json").write_text("{}")
    hub = {"config": {}, "teacher": {"reference": "owner/name"}}
    assert found_reference("owner/name", hub, "teacher", project / "runs/one") == "owner/name"
    other = {"config": None, "teacher": {"reference": "owner/name"}}
    assert found_reference("owner/name", other, "teacher", project / "runs/one") == str(project / "owner/name")
    assert found_reference("gpt2", other, "teacher", project / "runs/one") == "gpt2"
    plain = DistillConfig(teacher="bundled:teacher", student="owner/other#v1")
    assert absolute(plain) == plain


def test_a_link_in_a_path_stays_and_a_revision_too(project):
    (project / "latest").symlink_to(project / PLACES[0])
    given = dataclasses.replace(config(), teacher="./latest#abc", student="~/nothing/of/mine")
    found = absolute(given)
    assert found.teacher == f"{project}/latest#abc"
    assert found.student.startswith("/")
    assert absolute(found) == found
