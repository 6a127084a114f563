"""Help, version, the list of models, and what happens when the reader leaves."""

import importlib.metadata
import json
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

import akl_viz
from akl_viz import cli
from akl_viz.models import bundled, bundled_models
from akl_viz.paths import DATA
from tests.cli.conftest import ROOT

MODEL_KEYS = ["reference", "role", "path", "parameters", "loss", "step", "perplexity", "revision"]


@pytest.mark.parametrize("command", [[], ["app"], ["models"], ["inspect"]])
def test_every_command_has_help_on_standard_output(run, command):
    told = run(*command, "--help")
    assert (told.code, told.err) == (0, "")
    assert told.out.startswith(" ".join(["usage: akl-viz", *command]))


@pytest.mark.parametrize(
    "option", ["--teacher", "--student", "--text", "--text-file", "--mu", "--boundary", "--temperature", "--dtype"]
)
def test_the_help_of_inspect_explains_every_option(run, option):
    assert option in run("inspect", "--help").out


def test_the_version_is_the_packages(run):
    told = run("--version")
    assert (told.code, told.out) == (0, f"akl-viz {akl_viz.__version__}\n")


def test_the_console_script_is_this_command():
    script = {entry.name: entry.value for entry in importlib.metadata.entry_points(group="console_scripts")}
    assert script["akl-viz"] == "akl_viz.__main__:run"


@pytest.fixture
def catalog(tmp_path, pair, monkeypatch):
    """A data folder with two models in its catalog, which the command lists."""
    folder = tmp_path / "data"
    rows = []
    for role, source in zip(("student", "teacher"), (pair[3], pair[1]), strict=True):
        shutil.copytree(source, folder / "checkpoints" / role)
        step = 80 if role == "student" else None
        loss = "akl" if role == "student" else None
        rows.append({"name": role, "role": role, "loss": loss, "step": step, "parameters": 1234, "perplexity": 12.5})
    (folder / "checkpoints" / "index.json").write_text(json.dumps(rows), encoding="utf-8")
    monkeypatch.setattr(bundled, "bundled_models", partial(bundled_models, folder))
    return folder


def test_models_as_json_is_a_list_with_the_teacher_first(run, catalog):
    rows = json.loads(run("models", "--json").out)
    assert [list(row) for row in rows] == [MODEL_KEYS] * 2
    assert [row["reference"] for row in rows] == ["bundled:teacher", "bundled:student"]
    assert [row["step"] for row in rows] == [None, 80]


def test_models_as_a_table_has_a_line_per_model(run, catalog):
    lines = run("models").out.splitlines()
    assert [line.split()[0] for line in lines] == ["reference", "bundled:teacher", "bundled:student"]


def test_models_without_a_catalog_says_how_to_build_it(run, tmp_path, monkeypatch):
    monkeypatch.setattr(bundled, "bundled_models", partial(bundled_models, tmp_path))
    told = run("models", "--json")
    assert (told.code, told.out, told.err.count("\n")) == (2, "", 1)
    assert "make data" in told.err


def test_the_bundled_models_are_a_teacher_and_its_students_in_order_of_step(run):
    rows = json.loads(run("models", "--json").out)
    assert [row["role"] for row in rows] == ["teacher"] + ["student"] * (len(rows) - 1)
    steps = [row["step"] for row in rows[1:]]
    assert steps == sorted(steps)
    assert {row["step"] for row in rows if row["loss"] == "akl"} == {20, 80, 400}
    assert {row["loss"] for row in rows[1:]} == {None, "forward_kl", "reverse_kl", "mixed_kl", "akl"}
    assert all((DATA / "checkpoints" / row["reference"].removeprefix("bundled:")).is_dir() for row in rows)


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_output_that_was_closed_goes_nowhere(closed):
    code = f"import sys; sys.{closed} = None; from akl_viz.__main__ import run; sys.exit(run())"
    done = subprocess.run(
        [sys.executable, "-c", code, "divergence", "--teacher", "0.5,0.5", "--student", "0.9,0.1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr, bool(done.stdout)) == (0, "", closed == "stderr")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full here")
def test_output_that_cannot_be_written_is_one_sentence():
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "akl_viz", "toy", "plateau", "--depths", "5", "--limit", "300", "--json"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert "akl-viz: the output cannot be written (No space left on device)" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


def test_an_interrupt_during_the_imports_ends_with_130():
    program = (
        "import sys, types, importlib.abc; from akl_viz.__main__ import run\n"
        "class Stop(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'akl_viz.cli': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stop()); sys.exit(run())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "")


def test_an_interrupt_ends_with_130(run, monkeypatch):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "COMMANDS", (replace(cli.models.COMMAND, run=interrupted),))
    assert run("models").code == 130


@pytest.mark.slow
def test_the_module_is_the_command(shell):
    done = shell("--version")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().strip() == f"akl-viz {akl_viz.__version__}"


@pytest.mark.slow
@pytest.mark.parametrize("lines", [1, 5000])
def test_a_reader_that_leaves_early_ends_the_command_quietly(lines):
    code = (
        "import sys; from dataclasses import replace; from akl_viz import cli\n"
        "from akl_viz.cli.command import print_line\n"
        f"chatty = lambda arguments: [print_line('x' * 80) for _ in range({lines})]\n"
        "cli.COMMANDS = (replace(cli.models.COMMAND, run=chatty),)\n"
        "sys.stdin.read(); sys.exit(cli.main(['models']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    )
    process.stdout.close()
    process.stdin.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["inspect", "--text", "Zq"], "n = 1 scored position, mean"),
        (["inspect", "--text", "Zqx"], "n = 2 scored positions, mean"),
        (["divergence", "--teacher", "6,4", "--student", "1,1"], "head (below): 1 token, mass"),
        (["toy", "discrete", "--steps", "1", "--loss", "akl"], "after 1 step, means over n = 1 seed; adam"),
        (
            ["toy", "discrete", "--steps", "2", "--seeds", "2", "--loss", "akl"],
            "after 2 steps, means over n = 2 seeds;",
        ),
        (["toy", "plateau", "--limit", "1", "--depths", "5"], "depth 5: more than 1 step\n"),
        (["toy", "proof", "simplex", "--steps", "1"], "more than 1 step until"),
    ],
)
def test_one_of_a_thing_is_not_several(run, pair, argv, said):
    told = run(*argv, *(pair if argv[0] == "inspect" else []))
    assert told.code == 0
    assert said in told.out
