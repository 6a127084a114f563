"""Devices and formats are found or refused, and the memory plan is right before anything is loaded."""

import pytest
import torch

from akl_viz.errors import InvalidInput
from akl_viz.models import load_checkpoint, memory, memory_plan, resolve_device, resolve_dtype

CPU = torch.device("cpu")
CUDA = torch.device("cuda", 0)


def test_auto_takes_the_first_accelerator_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resolve_device("auto") == CPU
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("mps", 0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("auto") == CUDA
    assert resolve_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["cuda:7", "cuda"])
def test_a_device_that_is_not_there(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InvalidInput) as caught:
        resolve_device(name)
    assert str(caught.value) == f"The device {name} is not available on this machine: choose cpu or auto."


@pytest.mark.parametrize("name", ["gpu", "", "cuda:", "cuda:x", "cuda:-1", "meta", "mps:a"])
def test_a_name_that_is_no_device(families, name):
    with pytest.raises(InvalidInput) as caught:
        load_checkpoint(str(families / "llama"), device=name)
    assert str(caught.value) == f"There is no device {name!r}: choose auto, cpu, cuda, cuda:N or mps."


def test_a_name_that_is_no_dtype(families):
    with pytest.raises(InvalidInput) as caught:
        load_checkpoint(str(families / "llama"), dtype="int8")
    assert str(caught.value) == ("There is no dtype 'int8': choose one of auto, float32, bfloat16, float16, float64.")


@pytest.mark.parametrize(
    ("device", "stored", "dtype"),
    [
        (CPU, "BF16", torch.float32),
        (CUDA, "BF16", torch.bfloat16),
        (CUDA, "F16", torch.float16),
        (CUDA, "F32", torch.float32),
        (CUDA, "F64", torch.float32),
        (CUDA, None, torch.float32),
    ],
)
def test_auto_dtype(device, stored, dtype):
    assert resolve_dtype("auto", device, stored) == dtype


def test_float64_is_refused_on_mps():
    with pytest.raises(InvalidInput, match="mps has no float64: choose float32, or the device cpu"):
        resolve_dtype("float64", torch.device("mps"))


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("bfloat16", 2), ("float64", 8)])
def test_the_plan_counts_every_stored_weight_in_the_chosen_dtype(families, dtype, size):
    parameters = load_checkpoint(str(families / "llama")).info.parameters
    assert memory_plan(str(families / "llama"), "cpu", dtype).weights_bytes == parameters * size


def test_the_plan_says_what_is_free(families, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2_500_000_000)
    plan = memory_plan(str(families / "llama"), "cpu", "float32")
    assert plan.fits
    assert plan.sentence == f"{families / 'llama'} needs 59.7 kB for its weights in float32; 2.5 GB are free on cpu."


def test_weights_that_leave_no_room_for_anything_else_do_not_fit(families, monkeypatch):
    need = memory_plan(str(families / "llama"), "cpu", "float32").weights_bytes
    monkeypatch.setattr(memory, "free_bytes", lambda device: int(need * 1.1))
    assert not memory_plan(str(families / "llama"), "cpu", "float32").fits


def test_the_smaller_of_device_and_machine_decides(families, monkeypatch):
    monkeypatch.setattr(memory, "resolve_device", lambda name: CUDA)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10 if device == CPU else 10**9)
    plan = memory_plan(str(families / "llama"), "cuda", "float32")
    assert not plan.fits
    assert "only 0.01 kB are free on cpu" in plan.sentence


def test_unknown_free_memory_refuses_nothing(families, monkeypatch):
    monkeypatch.setattr(memory, "free_bytes", lambda device: None)
    plan = memory_plan(str(families / "llama"), "cpu")
    assert plan.fits
    assert plan.sentence.endswith("how much is free on cpu is not known.")


def test_the_plan_of_a_hub_model_that_is_not_here_is_unknown():
    plan = memory_plan("someone/some-model-that-is-not-cached", "cpu")
    assert (plan.weights_bytes, plan.fits) == (None, True)
    assert plan.sentence == (
        "someone/some-model-that-is-not-cached is not on this machine yet, "
        "so the memory it needs is unknown until it is downloaded."
    )


def test_free_memory_of_this_machine_is_known_and_plausible():
    assert 2**20 < memory.free_bytes(CPU) < 2**50


def test_the_limit_of_a_container_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_CGROUP", tmp_path)
    assert memory._container_bytes() is None
    for name, content in {
        "memory.max": "1000000\n",
        "memory.current": "700000\n",
        "memory.stat": "anon 1\ninactive_file 100000\nactive_file 50000\n",
    }.items():
        (tmp_path / name).write_text(content, encoding="ascii")
    assert memory._container_bytes() == 450_000
    assert memory.free_bytes(CPU) == 450_000
    (tmp_path / "memory.max").write_text("max\n", encoding="ascii")
    assert memory._container_bytes() is None


def test_a_machine_without_meminfo_counts_its_pages(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_MEMINFO", tmp_path / "none")
    assert memory._machine_bytes() > 2**20


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_model_runs_on_cuda(families):
    checkpoint = load_checkpoint(str(families / "llama"), device="cuda")
    assert checkpoint.info.device == "cuda:0"
    assert next(checkpoint.model.parameters()).is_cuda
