"""The examples run as they stand, offline, and do what they say."""

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from akl_viz.distill import open_run

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def run(name, *words):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, f"examples/{name}", *words], cwd=ROOT, capture_output=True, text=True, env=environment
    )


def test_the_bare_loop_closes_the_gap_as_a_whole_and_prints_both_parts():
    done = run("train_with_akl.py", "--loss", "forward_kl", "--steps", "40")
    assert done.returncode == 0, done.stderr
    lines = {
        name: (float(was), float(now))
        for name, was, now in re.findall(r"(\w+ gap)  before (\S+)  after (\S+)", done.stdout)
    }
    assert set(lines) == {"head gap", "tail gap"}
    assert sum(now for _, now in lines.values()) < sum(was for was, _ in lines.values())


@pytest.mark.parametrize("name", ["train_with_trainer.py", "trl_distillation.py", "trl_on_policy.py"])
def test_a_trainer_lowers_the_divergence_on_text_it_did_not_see(name):
    done = run(name, "--loss", "akl", "--steps", "8")
    assert done.returncode == 0, done.stderr
    before, after = map(float, re.search(r"before (\S+), after (\S+) nats", done.stdout).groups())
    assert after < before


@pytest.mark.parametrize(
    "name", ["train_with_akl.py", "train_with_trainer.py", "trl_distillation.py", "trl_on_policy.py"]
)
# As a program of its own the example only prints what TRL warns of in itself.
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_unknown_loss_is_one_sentence(name, monkeypatch, capsys):
    """In this process, which imports the libraries once for all of them."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    monkeypatch.setattr(sys, "argv", [name, "--loss", "nothing"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "There is no divergence 'nothing'" in told
    assert "Traceback" not in told


def test_a_watched_training_leaves_a_run_that_opens_and_is_not_overwritten(tmp_path):
    words = ("watch_training.py", "--steps", "4", "--folder", str(tmp_path / "mine"))
    done = run(*words)
    assert done.returncode == 0, done.stderr
    found = open_run(tmp_path / "mine")
    assert (found.status, found.history()["step"].tolist()) == ("finished", [0, 1, 2, 4])
    again = run(*words)
    assert again.returncode == 2
    assert "already holds a run" in again.stderr
    assert "Traceback" not in again.stderr
