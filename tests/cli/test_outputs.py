"""What a command writes never takes what is read or kept, and is refused before any work."""

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace

import pytest

from akl_viz.cli import inspect, toy
from akl_viz.distill import RunStore
from tests.cli.conftest import ROOT
from tests.cli.test_mistakes import TEXT, one_line

TABLES = ("--csv", "--parquet")


@pytest.fixture
def idle(monkeypatch):
    """Nothing is computed."""
    monkeypatch.setattr(inspect, "_trace", lambda *_: pytest.fail("the models ran"))
    lazy = [replace(row, run=lambda *_: pytest.fail("the experiment ran")) for row in toy.TOYS]
    monkeypatch.setattr(toy, "TOYS", tuple(lazy))


@pytest.fixture
def model(pair, tmp_path):
    """A copy of the student, and the words that name it beside the teacher."""
    folder = shutil.copytree(pair[3], tmp_path / "model")
    return folder, [*pair[:3], str(folder)]


def contents(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("name", ["config.json", "new.csv", "deeper/new.csv"])
@pytest.mark.parametrize("option", TABLES)
def test_a_table_never_lands_in_a_model_that_is_read(run, model, idle, option, name):
    folder, words = model
    (folder / "deeper").mkdir()
    before = contents(folder)
    said = one_line(run("inspect", *words, *TEXT, option, folder / name))
    assert f"{option} {folder / name} would write into the model {folder}: choose a place outside it." in said
    assert contents(folder) == before


def _straight(model, tmp_path):
    return model / "config.json"


def _soft(model, tmp_path):
    (tmp_path / "soft.csv").symlink_to(model / "config.json")
    return tmp_path / "soft.csv"


def _through_links(model, tmp_path):
    (tmp_path / "first.csv").symlink_to(tmp_path / "second.csv")
    (tmp_path / "second.csv").symlink_to(model / "not-there-yet.csv")
    return tmp_path / "first.csv"


def _by_folder(model, tmp_path):
    (tmp_path / "door").symlink_to(model, target_is_directory=True)
    return tmp_path / "door" / "config.json"


def _upwards(model, tmp_path):
    (tmp_path / "side").mkdir()
    return tmp_path / "side" / ".." / model.name / "config.json"


def _hard(model, tmp_path):
    os.link(model / "config.json", tmp_path / "hard.csv")
    return tmp_path / "hard.csv"


def _stored_elsewhere(model, tmp_path):
    """As a hub cache has it: the folder holds a link to the file."""
    (model / "config.json").rename(tmp_path / "blob")
    (model / "config.json").symlink_to(tmp_path / "blob")
    return tmp_path / "blob"


ROADS = [_straight, _soft, _through_links, _by_folder, _upwards, _hard, _stored_elsewhere]


@pytest.mark.parametrize("road", ROADS)
def test_a_link_counts_as_what_it_leads_to(run, model, tmp_path, idle, road):
    folder, words = model
    target = road(folder, tmp_path)
    before = contents(folder)
    assert f"would write into the model {folder}" in one_line(run("inspect", *words, *TEXT, "--csv", target))
    assert contents(folder) == before


@pytest.mark.parametrize("road", ROADS[:5])
@pytest.mark.parametrize("option", ["--csv", "--out"])
def test_an_experiment_that_reads_no_model_spares_them_too(run, model, tmp_path, idle, option, road):
    folder, _ = model
    target = road(folder, tmp_path)
    before = contents(folder)
    said = one_line(run("toy", "plateau", option, target))
    assert f"{option} {target} would write into the model {folder}" in said
    assert contents(folder) == before


def test_the_base_of_an_adapter_is_a_model_that_is_read(run, pair, model, tmp_path, idle):
    folder, _ = model
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(folder)}))
    target = _hard(folder, tmp_path)
    told = run("inspect", *pair[:3], adapter, *TEXT, "--csv", target)
    assert f"would write into the model {folder}" in one_line(told)


def test_a_configuration_of_another_program_is_no_model(run, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    told = run("toy", "proof", "phi", "--csv", tmp_path / "phi.csv")
    assert (told.code, told.err) == (0, "")
    assert (tmp_path / "phi.csv").is_file()


@pytest.mark.parametrize("link", [None, os.symlink, os.link])
@pytest.mark.parametrize("option", TABLES)
def test_a_text_that_is_read_is_not_overwritten(run, pair, tmp_path, idle, option, link):
    text = tmp_path / "in.txt"
    text.write_text("It is a truth")
    target = text
    if link is not None:
        target = tmp_path / "out.txt"
        link(text, target)
    said = one_line(run("inspect", *pair, "--text-file", text, option, target))
    assert f"{option} {target} would overwrite the text that is read: choose another file." in said
    assert text.read_text() == "It is a truth"


@pytest.fixture
def kept(tmp_path):
    """A run folder, as any run begins."""
    RunStore.create(tmp_path / "kept", losses=["mine"]).close()
    return tmp_path / "kept"


@pytest.mark.parametrize("name", ["run.json", "history.parquet", "probes/new.csv"])
@pytest.mark.parametrize("command", ["inspect", "toy"])
def test_nothing_is_written_into_a_run(run, pair, kept, idle, command, name):
    (kept / "probes").mkdir()
    before = contents(kept)
    words = ["inspect", *pair, *TEXT] if command == "inspect" else ["toy", "plateau"]
    said = one_line(run(*words, "--csv", kept / name))
    assert f"--csv {kept / name} would write into the run {kept}: choose a place outside it." in said
    assert contents(kept) == before


def test_a_run_begins_neither_in_a_model_nor_in_another_run(run, model, kept):
    folder, words = model
    start = ["distill", "--loss", "akl", "--out"]
    for names, place in (
        (words, folder / "run"),
        (words, folder),
        (["--teacher", "toy:teacher", "--student", "toy:student"], folder / "run"),
    ):
        assert f"--out {place} would write into the model {folder}" in one_line(run(*start, place, *names))
    assert f"would write into the run {kept}" in one_line(run(*start, kept / "inside", *words))
    assert not (folder / "run").exists()
    assert not (kept / "inside").exists()


@pytest.mark.parametrize("linked", [False, True])
@pytest.mark.parametrize("command", ["inspect", "toy"])
def test_a_pipe_without_a_reader_is_refused_and_not_waited_for(run, pair, tmp_path, idle, command, linked):
    os.mkfifo(tmp_path / "pipe")
    target = tmp_path / "pipe"
    if linked:
        target = tmp_path / "out.csv"
        target.symlink_to("pipe")
    words = ["inspect", *pair, *TEXT] if command == "inspect" else ["toy", "plateau"]
    said = one_line(run(*words, "--csv", target))
    assert f"--csv {target} is a pipe, which waits for a reader: name a file, or /dev/stdout." in said


def test_a_socket_is_no_file(run, pair, tmp_path, idle, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind("s")
        assert "--csv s is a disk or a socket: name a file" in one_line(run("inspect", *pair, *TEXT, "--csv", "s"))


@pytest.mark.parametrize(("target", "begins"), [("/dev/stdout", b"r,phi"), ("/dev/fd/1", b"r,phi"), ("/dev/null", b"")])
def test_an_open_pipe_and_the_null_device_take_a_table(shell, target, begins):
    done = shell("toy", "proof", "phi", "--csv", target)
    assert (done.returncode, done.stderr, done.stdout[:5]) == (0, b"", begins)


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("second", ["same", "side/../same", "soft", "hard"])
@pytest.mark.parametrize("command", ["inspect", "toy"])
def test_one_file_is_not_given_for_two_outputs(run, pair, tmp_path, idle, command, second, there):
    (tmp_path / "side").mkdir()
    (tmp_path / "soft").symlink_to("same")
    if there or second == "hard":
        (tmp_path / "same").write_text("kept")
    if second == "hard":
        os.link(tmp_path / "same", tmp_path / "hard")
    words, other = (["inspect", *pair, *TEXT], "--parquet") if command == "inspect" else (["toy", "plateau"], "--out")
    said = one_line(run(*words, "--csv", tmp_path / "same", other, tmp_path / second))
    assert f"--csv and {other} both name {tmp_path / 'same'}: give each a file of its own." in said


def test_two_outputs_may_both_go_nowhere(run):
    assert run("toy", "proof", "phi", "--csv", "/dev/null", "--out", "/dev/null").code == 0


@pytest.mark.parametrize("named", ["out.json", "/dev/stdout"])
@pytest.mark.parametrize(("printed", "code"), [(["--json"], 2), ([], 0)])
def test_a_table_does_not_overwrite_what_is_printed(tmp_path, named, printed, code):
    target = tmp_path / named
    with (tmp_path / "out.json").open("wb") as file:
        words = [sys.executable, "-m", "akl_viz", "toy", "proof", "phi", "--csv", str(target), *printed]
        done = subprocess.run(words, stdout=file, stderr=subprocess.PIPE, cwd=ROOT, timeout=120)
    assert done.returncode == code
    said = f"--csv {target} is the file that --json prints to: choose another file."
    assert (said in done.stderr.decode()) == (code == 2)
    assert (tmp_path / "out.json").read_text().startswith("r,phi") == (code == 0)
