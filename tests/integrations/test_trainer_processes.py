"""Two processes distil one student: the step is that of one process with the whole batch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.integrations.distilling_process import distilled

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.mark.parametrize("fused", [False, True])
def test_two_processes_make_the_step_of_one(tmp_path, fused):
    """Unequal numbers of counted labels per process and micro-batch."""
    script = Path(__file__).with_name("distilling_process.py")
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    words = [str(tmp_path), "fused" if fused else "logits"]
    done = subprocess.run([*launch, *words], cwd=ROOT, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (torch.load(tmp_path / f"weights-{rank}.pt", weights_only=True) for rank in (0, 1))
    alone = distilled(tmp_path, fused=fused, per_device_train_batch_size=8).model.state_dict()
    for name, weight in alone.items():
        assert torch.equal(first[name], second[name])
        torch.testing.assert_close(first[name], weight, rtol=1e-5, atol=1e-6)
