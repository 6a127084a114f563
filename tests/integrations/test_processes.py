"""Two processes train one model: one of them measures and writes, and both end with the same weights."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from akl_viz.distill import open_run

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


def test_two_processes_write_one_run(tmp_path):
    script = Path(__file__).with_name("two_processes.py")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [*launch, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, env=environment, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    run = open_run(tmp_path / "run")
    assert run.status == "finished"
    assert run.history()["step"].tolist() == [0, 1, 2, 5, 8]
    first, second = (torch.load(tmp_path / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1))
    assert all(torch.equal(first[name], second[name]) for name in first)
