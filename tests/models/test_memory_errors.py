"""What is said when memory ends or a load fails in an unforeseen way, and that the log has the details."""

import pytest
import torch

from akl_viz.errors import CheckpointUnavailable, OutOfMemory
from akl_viz.models import is_out_of_memory, load_checkpoint, loading

ENDED = (
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory"),
    RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    RuntimeError("MPS backend out of memory"),
)


def raising(error):
    def load(*words, **options):
        raise error

    return load


@pytest.mark.parametrize("error", ENDED, ids=lambda error: type(error).__name__)
def test_memory_that_ends_while_loading_is_one_sentence_with_a_remedy(families, monkeypatch, error):
    monkeypatch.setattr(loading, "load_model", raising(error))
    with pytest.raises(OutOfMemory, match="did not fit into memory: choose a smaller dtype or model") as caught:
        load_checkpoint(str(families / "llama"), device="cpu")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_real_allocation_that_fails_is_recognised():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**58, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


def test_other_errors_are_not_about_memory():
    assert not is_out_of_memory(RuntimeError("shapes do not agree"))
    assert not is_out_of_memory(KeyError("out of memory"))


def test_an_unforeseen_failure_is_in_the_log_as_its_sentence_says(families, monkeypatch, caplog):
    monkeypatch.setattr(loading, "load_model", raising(ZeroDivisionError("the detail")))
    with pytest.raises(CheckpointUnavailable, match="the log has the details"):
        load_checkpoint(str(families / "llama"), device="cpu")
    assert "the detail" in caplog.text
    assert "Traceback" in caplog.text
