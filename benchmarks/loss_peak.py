"""The peak extra memory of one loss, measured in a process of its own: `python -m benchmarks.loss_peak METHOD V N`."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from akl_viz.divergences import linear_distillation_loss
from benchmarks.loss_methods import METHODS, logits, sorted_akl

LINEAR = (50_257, 256)
"""V and N of the loss from hidden states."""
WIDTH = 512
_STATUS = Path("/proc/self/status")


def peak(method: str, vocabulary: int, count: int) -> float:
    """Bytes above the inputs at the highest, as a multiple of one float32 tensor (N, V)."""
    command = [sys.executable, "-m", "benchmarks.loss_peak", method, str(vocabulary), str(count)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).resolve().parents[1])
    return float(told.stdout)


def from_hidden_states(count: int, vocabulary: int) -> list[Tensor]:
    """Hidden states and output matrices of both models; the student's require gradients."""
    generator = torch.Generator().manual_seed(0)
    sizes = ((count, WIDTH), (vocabulary, WIDTH)) * 2
    tensors = [torch.randn(*size, generator=generator) for size in sizes]
    for matrix in tensors[1::2]:
        matrix.mul_(0.1)
    return [*tensors[:2], *(tensor.requires_grad_() for tensor in tensors[2:])]


def unfused(*tensors: Tensor) -> Tensor:
    """Sort-based AKL of full logits."""
    teacher_hidden, teacher_weight, student_hidden, student_weight = tensors
    return sorted_akl(teacher_hidden @ teacher_weight.t(), student_hidden @ student_weight.t())


def fused(*tensors: Tensor) -> Tensor:
    """AKL from hidden states."""
    return linear_distillation_loss("akl", *tensors)


def prepared(method: str, vocabulary: int, count: int) -> tuple[Callable[..., Tensor], list[Tensor]]:
    """The loss and its inputs."""
    if method in ("linear", "linear_sorted"):
        return (fused if method == "linear" else unfused), from_hidden_states(count, vocabulary)
    teacher, student = logits("lm", count, vocabulary)
    return METHODS[method].loss, [teacher, student.requires_grad_()]


def resident(field: str) -> int:
    """Bytes of VmRSS (now) or VmHWM (at the highest)."""
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return int(line.split()[1]) * 1024
    raise SystemExit("Peak memory is measured on Linux only.")


def main() -> None:
    """Print the peak of the method named on the command line."""
    method, vocabulary, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    torch.set_num_threads(1)
    loss, small = prepared(method, 1000, 8)
    torch.autograd.backward(loss(*small))  # loads what torch loads late
    loss, inputs = prepared(method, vocabulary, count)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the high-water mark starts anew
    before = resident("VmRSS")
    torch.autograd.backward(loss(*inputs))
    print((resident("VmHWM") - before) / (4 * vocabulary * count))


if __name__ == "__main__":
    main()
