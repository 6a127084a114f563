"""The pool holds two models, gives the right one, and lets the third out of memory before it loads another."""

import gc
import os
import shutil
import threading
import weakref

import pytest
import torch

from akl_viz.errors import CheckpointUnavailable, VocabularyMismatch
from akl_viz.models import ModelPool, Policy, load_checkpoint, memory_plan
from tests.checkpoints import make_tokenizer


@pytest.fixture
def names(families):
    return [str(families / name) for name in ("llama", "gpt2", "qwen2", "opt")]


@pytest.fixture
def counted():
    """A pool that notes each load, and how many models it held when the load began."""
    loads = []

    def loader(reference, **options):
        loads.append((reference.name, len(pool)))
        return load_checkpoint(reference, **options)

    pool = ModelPool(loader=loader)
    pool.loads = loads
    return pool


def test_a_second_use_loads_nothing(counted, names):
    assert counted.get(names[0]) is counted.get(names[0])
    assert len(counted.loads) == 1


def test_another_dtype_is_another_model(counted, names):
    first = counted.get(names[0])
    second = counted.get(names[0], dtype="float64")
    assert {parameter.dtype for parameter in first.model.parameters()} == {torch.float32}
    assert {parameter.dtype for parameter in second.model.parameters()} == {torch.float64}
    assert (first.info.dtype, second.info.dtype) == ("float32", "float64")
    assert counted.get(names[0]) is first


def test_another_device_is_another_model(monkeypatch, names):
    monkeypatch.setattr("akl_viz.models.pool.resolve_device", lambda name: torch.device(name))
    asked = []
    pool = ModelPool(loader=lambda reference, *, device, **options: asked.append(device) or object())
    pool.get(names[0], device="cpu")
    pool.get(names[0], device="cuda:1")
    pool.get(names[0], device="cuda:0")
    assert asked == ["cpu", "cuda:1", "cuda:0"]


def test_auto_on_a_cpu_is_float32(counted, names):
    assert counted.get(names[0], device="cpu", dtype="auto") is counted.get(names[0], device="cpu", dtype="float32")


def test_a_checkpoint_that_was_written_anew_is_loaded_anew(counted, llama, edit_weights):
    first = counted.get(str(llama))
    edit_weights(llama, lambda tensors: tensors["lm_head.weight"].mul_(2))
    os.utime(llama / "model.safetensors", ns=(1, 1))
    second = counted.get(str(llama))
    assert torch.equal(second.model.lm_head.weight, first.model.lm_head.weight * 2)
    assert first.info.revision != second.info.revision


def test_at_most_two_are_held_also_while_the_third_loads(counted, names):
    for name in names:
        counted.get(name)
        assert len(counted) <= 2
    assert [held for _, held in counted.loads] == [0, 1, 1, 1]


def test_the_least_recently_used_goes_first(counted, names):
    first = counted.get(names[0])
    counted.get(names[1])
    counted.get(names[0])
    counted.get(names[2])
    assert counted.get(names[0]) is first
    assert len(counted.loads) == 3


def test_an_evicted_model_leaves_memory(counted, names):
    gone = weakref.ref(counted.get(names[0]).model)
    weight = weakref.ref(next(gone().parameters()))
    counted.get(names[1])
    assert gone() is not None
    counted.get(names[2])
    assert gone() is None
    assert weight() is None


def test_clear_lets_everything_go(counted, names):
    gone = weakref.ref(counted.get(names[0]).model)
    counted.clear()
    gc.collect()
    assert len(counted) == 0
    assert gone() is None


@pytest.mark.parametrize("before", [(1, 2), (2, 1), (1, 0), (2, 3), (0, 1)])
def test_a_pair_keeps_both_whatever_was_held_before(names, before):
    loads = []
    pool = ModelPool(loader=lambda reference, **options: loads.append(reference.name) or reference.name)
    for place in before:
        pool.get(names[place])
    assert pool.pair(names[0], names[1]) == (names[0], names[1])
    needed = {names[place] for place in (*before, 0, 1)}
    assert len(loads) == len(needed)
    pool.get(names[0])
    pool.get(names[1])
    assert len(loads) == len(needed)


def test_a_model_compared_with_itself_is_held_once(counted, names):
    first, second = counted.pair(names[0], names[0])
    assert first is second
    assert len(counted) == 1


@pytest.fixture
def other_words(llama, families):
    """A checkpoint whose tokens are numbered in another way than those of the families."""
    make_tokenizer("Quite other words, and in another order: zebra quagga okapi " * 3).save_pretrained(llama)
    return str(llama)


@pytest.mark.parametrize("held", [(), (0,), (1,)], ids=["neither", "teacher", "student"])
def test_tokenizers_are_compared_before_any_weights_are_read_whatever_is_held(counted, names, other_words, held):
    pair = (names[1], other_words)
    for place in held:
        counted.get(pair[place])
    loads = len(counted.loads)
    with pytest.raises(VocabularyMismatch, match="number their tokens differently"):
        counted.pair(*pair)
    assert len(counted.loads) == loads


def test_a_pair_is_compared_once(names, monkeypatch):
    compared = []
    monkeypatch.setattr("akl_viz.models.pool.compare_tokenizers", lambda *pair: compared.append(pair[:2]))
    pool = ModelPool(loader=lambda reference, **options: reference.name)
    pool.pair(names[0], names[1])
    pool.pair(names[0], names[1])
    pool.pair(names[2], names[2])
    assert len(compared) == 1


def test_a_pair_is_whole_although_the_pool_was_cleared_while_it_loaded(names):
    pool = ModelPool(loader=lambda reference, **options: pool.clear() or reference.name)
    assert pool.pair(names[0], names[1]) == (names[0], names[1])


def test_threads_that_want_one_model_load_it_once(counted, names):
    found = []
    threads = [threading.Thread(target=lambda: found.append(counted.get(names[0]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(one) for one in found}) == 1
    assert len(counted.loads) == 1


def test_a_held_model_is_given_out_while_another_one_loads(names):
    started, finish = threading.Event(), threading.Event()

    def loader(reference, **options):
        if reference.name == names[1]:
            started.set()
            assert finish.wait(timeout=30)
        return reference.name

    pool = ModelPool(loader=loader)
    pool.get(names[0])
    thread = threading.Thread(target=lambda: pool.get(names[1]))
    thread.start()
    assert started.wait(timeout=30)
    assert pool.get(names[0]) == names[0]
    finish.set()
    thread.join()
    assert len(pool) == 2


def test_a_failed_load_leaves_the_pool_usable(counted, names, tmp_path):
    kept = counted.get(names[0])
    with pytest.raises(CheckpointUnavailable):
        counted.get(str(tmp_path / "nowhere"))
    assert counted.get(names[0]) is kept


def test_a_held_model_does_not_get_past_a_stricter_policy(counted, names, tmp_path):
    reference = load_reference(names[0])
    counted.get(reference)
    for policy in (Policy(frozenset({"bundled"})), Policy(roots=(tmp_path,))):
        with pytest.raises(CheckpointUnavailable):
            counted.get(reference, policy=policy)


def load_reference(name):
    from akl_viz.models import parse_reference

    return parse_reference(name)


def test_an_adapter_whose_base_changed_is_loaded_anew(counted, llama, tmp_path):
    from akl_viz.models.fingerprint import stamp

    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"base_model_name_or_path": "../llama"}', encoding="utf-8")
    before = stamp(adapter)
    shutil.copy(llama / "config.json", llama / "extra.json")
    assert stamp(adapter) != before


def test_both_old_models_go_before_the_first_of_a_new_pair_is_loaded(counted, names):
    counted.pair(names[0], names[1])
    counted.pair(names[2], names[3])
    assert [held for _, held in counted.loads] == [0, 1, 0, 1]


def test_a_pair_that_fits_only_one_by_one_is_refused_before_anything_is_loaded(counted, names, monkeypatch):
    need = sum(memory_plan(name, "cpu", "float32").weights_bytes for name in names[:2])
    monkeypatch.setattr("akl_viz.models.memory.free_bytes", lambda device: need)
    with pytest.raises(CheckpointUnavailable, match=r"together need .* but only .* are free on cpu: choose a smaller"):
        counted.pair(names[0], names[1], device="cpu", dtype="float32")
    assert counted.loads == []
    assert counted.get(names[0], device="cpu", dtype="float32").info.dtype == "float32"


def test_memory_of_dropped_models_is_given_back_on_mps(counted, names, monkeypatch):
    emptied = []
    counted.get(names[0], device="cpu")
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: True)
    monkeypatch.setattr("torch.mps.empty_cache", lambda: emptied.append(1))
    counted.clear()
    assert emptied == [1]


def test_a_pool_for_less_than_a_pair_is_a_mistake():
    with pytest.raises(ValueError, match="at least the two models of a pair, not 1"):
        ModelPool(capacity=1)
