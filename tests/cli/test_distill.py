"""`akl-viz distill`: runs, resumes, tells its progress, stops at Ctrl-C, and refuses mistakes in one line."""

import json
import os
import signal
import subprocess
import sys

import pytest

from akl_viz.cli import distill as command
from akl_viz.distill import Control, open_run
from akl_viz.distill.options import OPTIONS
from tests.cli.conftest import ROOT
from tests.cli.test_mistakes import one_line

PAIR = ["--teacher", "toy:teacher", "--student", "toy:student"]
TOY = [*PAIR, "--text", "toy", "--window", "24", "--rows", "2"]
SMALL = ["--probe-windows", "2", "--samples", "0", "--loss", "forward_kl", "--loss", "akl:mu=0.6"]


def without(options: list[str], others: list[str]) -> list[str]:
    """Options of one value each, without those that are given otherwise."""
    pairs = zip(options[::2], options[1::2], strict=True)
    return [word for name, value in pairs if name not in others for word in (name, value)]


def test_a_run_prints_its_end_and_tells_its_progress(run, tmp_path):
    told = run("distill", *TOY, *SMALL, "--steps", "4", "--out", tmp_path / "run")
    assert told.code == 0
    lines = told.out.splitlines()
    assert lines[0] == f"{tmp_path / 'run'}: finished"
    assert lines[1].startswith("forward_kl")
    assert "head gap" in lines[2]
    assert "step 4/4  akl:mu=0.6  head" in told.err
    assert "ETA" in told.err
    assert open_run(tmp_path / "run").status == "finished"


def test_the_help_names_every_default_that_there_is_and_no_other(run):
    told = " ".join(run("distill", "--help").out.split())
    for option, after in zip(OPTIONS, [*OPTIONS[1:], None], strict=True):
        start = told.rindex(f" {option.flag} ")
        own = told[start : told.rindex(f" {after.flag} ") if after else None].replace("- ", "-")
        needed = option.flag in ("--teacher", "--student", "--loss")
        default = option.default
        expected = None if needed or default in ("", ()) or option.kind is bool else default
        assert (f"(default {expected})" in own) == (expected is not None), option.flag
        assert ("(default" in own) == (expected is not None), option.flag
    for line in ("everything drawn (default 0)", "0 for all (default 0)", "0 for none (default 0.0)"):
        assert line in told


def test_json_is_the_history(run, tmp_path):
    told = run("distill", *TOY, *SMALL, "--steps", "2", "--seed", "3", "--out", tmp_path / "run", "--json")
    found = json.loads(told.out)
    assert (found["schema"], found["status"], found["config"]["seed"]) == (1, "finished", 3)
    assert [(row["loss"], row["step"]) for row in found["history"]] == [
        (loss, step) for step in (0, 1, 2) for loss in ("forward_kl", "akl:mu=0.6")
    ]
    history = open_run(tmp_path / "run").history()
    assert found["history"][-1]["tail_gap"] == pytest.approx(history["tail_gap"].iloc[-1], rel=1e-14)
    assert found["history"][0]["train_loss"] is None


def test_resume_goes_on_with_the_runs_own_settings(run, tmp_path):
    run("distill", *TOY, *SMALL, "--steps", "2", "--out", tmp_path / "run")
    told = run("distill", "--resume", "--steps", "4", "--out", tmp_path / "run")
    assert told.code == 0
    assert open_run(tmp_path / "run").done == {"forward_kl": 4, "akl:mu=0.6": 4}


def test_a_resumed_run_cannot_end_before_what_it_has_done(run, tmp_path):
    run("distill", *TOY, *SMALL, "--steps", "3", "--out", tmp_path / "run")
    told = run("distill", "--resume", "--steps", "2", "--out", tmp_path / "run")
    assert "has made 3 steps already, so it cannot end after 2" in one_line(told)


def test_a_terminal_shows_one_line_with_bar_steps_eta_speed_and_gaps(run, tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    told = run("distill", *TOY, *SMALL, "--steps", "3", "--out", tmp_path / "run")
    lines = told.err.removesuffix("\n").split("\r\x1b[2K")
    assert told.err.count("\n") == 1
    assert "Reading the text" in told.err
    assert lines[-1].startswith(f"[{'#' * 24}] 100% step 3/3 ETA ")
    assert " tokens/s  forward_kl head 0." in lines[-1]
    shares = [float(line.split("%")[0].split("]")[1]) for line in lines if "step" in line]
    assert shares == sorted(shares)
    assert len(shares) == 2 * 4


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_a_second_signal_ends_at_once_but_not_the_launchers_echo(monkeypatch):
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    control = Control()
    with command._signals(control) as received:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
        assert control.stopping
        assert received == [signal.SIGINT]
        monkeypatch.setattr(command, "_ECHO_S", 0.0)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    monkeypatch.undo()
    with command._signals(Control()):
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--loss", "kll"], "There is no divergence 'kll'"),
        (["--loss", "akl:mu=2"], "mu must be a number from 0 to 1"),
        (["--loss", "akl:"], "is not of the form KEY"),
        (["--loss", "akl", "--lr", "0"], "lr must be a number above 0"),
        (["--loss", "akl", "--lr", "fast"], "invalid float value"),
        (["--loss", "akl", "--steps", "0"], "steps must be a whole number"),
        (["--loss", "akl", "--text", "missing.jsonl"], "missing.jsonl cannot be read"),
        (["--loss", "akl", "--student", "bundled:nobody"], "own pair"),
        (["--loss", "akl", "--optimiser", "muon"], "invalid choice: 'muon'"),
        ([], "The run needs --loss"),
    ],
)
def test_a_mistake_is_one_line(run, tmp_path, options, said):
    assert said in one_line(run("distill", *without(TOY, options), *options, "--out", tmp_path / "run"))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"", "a.txt is empty: choose a file with text"),
        ("a.txt", b"\0" * 200_000_001, "a.txt is larger than 200 MB: use a part of it"),
        (
            "a.jsonl",
            b'{"text": "It is"}\n\n{"text": \n',
            "Line 3 of a.jsonl is not valid JSON: mend or remove that line",
        ),
        ("a.jsonl", b'{"text": "x"}\n{"text": ""}\n', "a.jsonl holds no text of two tokens or more"),
        ("a.csv", b"name\nx\n", "Row 1 of a.csv has no column with a usual name: choose one of name"),
        ("a.parquet", b"PAR1", "a.parquet is not a valid Parquet file"),
    ],
)
def test_a_text_that_cannot_be_used_is_one_line_and_leaves_no_folder(run, pair, tmp_path, name, content, said):
    text = tmp_path / name
    with text.open("wb") as file:
        file.write(content[:1000])
        file.truncate(len(content))
    told = run("distill", *pair, "--loss", "akl", "--text", text, "--out", tmp_path / "run")
    assert said in one_line(told)
    assert not (tmp_path / "run").exists()


def test_a_student_with_another_vocabulary_is_refused(run, pair, tmp_path):
    mixed = ["--teacher", "bundled:teacher", *pair[2:], "--loss", "akl", "--out", tmp_path / "run"]
    assert "number their tokens differently" in one_line(run("distill", *mixed))


def test_a_folder_that_is_no_run_cannot_be_resumed(run, tmp_path):
    assert "is no run folder" in one_line(run("distill", "--resume", "--out", tmp_path))
    (tmp_path / "t.txt").touch()
    told = one_line(run("distill", "--resume", "--out", tmp_path / "t.txt"))
    assert "t.txt is a file, not a run folder: give the folder of a run." in told


def test_a_run_that_diverges_is_one_line(run, tmp_path):
    told = run("distill", *TOY, *SMALL, "--steps", "9", "--lr", "1e30", "--out", tmp_path / "run")
    assert told.code == 2
    assert told.out == ""
    assert "diverged at step" in told.err.splitlines()[-1]
    assert "Traceback" not in told.err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs POSIX signals")
def test_ctrl_c_stops_after_a_checkpoint_with_exit_code_130(tmp_path):
    folder = tmp_path / "run"
    command = [sys.executable, "-m", "akl_viz", "distill", *TOY, *SMALL, "--steps", "100000", "--out", str(folder)]
    # A group of its own, so that the signal reaches this process alone.
    child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        for line in child.stderr:
            if line.startswith("step 5/"):
                break
        child.send_signal(signal.SIGINT)
        error = child.stderr.read()
        assert child.wait(60) == 130
    finally:
        child.kill()
        child.wait()
        child.stderr.close()
    assert "go on with: akl-viz distill --resume" in error
    assert "Traceback" not in error
    found = open_run(folder)
    assert found.status == "stopped"
    assert list(found.checkpoints("forward_kl")) == [found.done["forward_kl"]] or found.done["forward_kl"] >= 20
    assert found.done["forward_kl"] >= 5


@pytest.mark.slow
def test_two_processes_give_what_one_gives(run, tmp_path):
    """Under accelerate, with gloo on two CPU processes and the same global batch: within 1e-5 of one process."""
    pytest.importorskip("accelerate")
    options = [
        *without(TOY, ["--rows"]),
        "--rows",
        "4",
        "--accumulate",
        "2",
        "--clip",
        "0.5",
        *SMALL,
        "--steps",
        "6",
        "--device",
        "cpu",
    ]
    # With --cpu the launcher starts a single process, however many are asked for.
    launcher = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    launcher += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0", "-m", "akl_viz"]
    told = subprocess.run(
        [sys.executable, "-m", *launcher, "distill", *options, "--out", str(tmp_path / "two")],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("finished") == 1
    assert "The run was shared by 2 processes." in open_run(tmp_path / "two").meta["notes"]
    assert run("distill", *options, "--out", tmp_path / "one").code == 0
    numbers = ["step", "tokens", "train_loss", "forward_kl", "reverse_kl", "head_gap", "tail_gap", "perplexity"]
    one, two = (open_run(tmp_path / name).history()[numbers] for name in ("one", "two"))
    assert ((one - two).abs().max() <= 1e-5 * one.abs().max()).all()


@pytest.mark.parametrize("name", ["pipe.txt", "zero.jsonl", "zero"])
def test_a_device_or_a_pipe_as_the_text_is_refused_unopened(run, tmp_path, name):
    os.mkfifo(tmp_path / "pipe.txt")
    for zero in ("zero", "zero.jsonl"):
        (tmp_path / zero).symlink_to("/dev/zero")
    options = [*without(TOY, ["--text"]), "--loss", "akl", "--text", tmp_path / name, "--out", tmp_path / "run"]
    assert "is a device or a pipe, not a file" in one_line(run("distill", *options))
