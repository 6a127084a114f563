"""What a trace promises beyond its numbers: cuts, padding, blocks, memory, cancelling."""

import gc
import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from akl_viz.analysis import measure as measure_module
from akl_viz.analysis import trace as trace_module
from akl_viz.analysis.export import trace_json
from akl_viz.analysis.measure import measure
from akl_viz.analysis.trace import token_trace
from akl_viz.divergences import rows_per_block
from akl_viz.errors import Cancelled, InvalidInput, OutOfMemory
from akl_viz.models import logit_blocks
from akl_viz.records import TOKEN_FIELDS, Settings, TokenTrace
from tests.analysis.conftest import PADDING
from tests.checkpoints import CONTEXT, CORPUS, TRICKY, VOCABULARY, plain_logits

SAME_LOGITS = 1e-5
"""float32 statistics of order 10 after another order of the same matrix products."""
MIXTURE = 1e-6
"""The logarithm of a mixture of two equal probabilities rounds: a few units of the last digit of float32."""
MASS = 1e-6
"""A float32 probability mass against float64."""


def test_the_first_token_is_not_scored_and_all_others_are(load):
    trace = token_trace(*load("teacher", "student"), TRICKY)
    assert not trace.scored[0]
    assert trace.scored[1:].all()
    assert trace.n_scored == len(trace) - 1
    for name in TOKEN_FIELDS:
        assert np.isnan(trace.columns[name][0])
        assert np.isfinite(trace.columns[name][1:]).all()


def test_pieces_rebuild_a_text_of_emoji_tabs_and_markup(load):
    trace = token_trace(*load("teacher", "student"), TRICKY)
    assert "".join(trace.pieces) == TRICKY == trace.text
    assert trace.cut is None


def test_identical_models_have_no_gap_and_equal_weights(load):
    columns = token_trace(*load("teacher", "teacher"), TRICKY).columns
    for name in ("forward_kl", "reverse_kl", "tvd", "akl", "head_gap", "tail_gap"):
        np.testing.assert_array_equal(columns[name][1:], 0.0)
    np.testing.assert_allclose(columns["jsd"][1:], 0.0, rtol=0, atol=MIXTURE)
    for name in ("weight_forward", "weight_reverse"):
        np.testing.assert_array_equal(columns[name][1:], 0.5)
    assert columns["top1_agree"][1:].all()
    np.testing.assert_array_equal(columns["teacher_rank"], columns["student_rank"])


def test_a_text_beyond_the_context_is_cut_at_a_stated_character(load):
    pair = load("teacher", "student")
    text = TRICKY * 12
    full = len(pair[0].tokenizer(text)["input_ids"])
    trace = token_trace(*pair, text)
    assert full > CONTEXT
    assert trace.cut is not None
    assert trace.cut.context == CONTEXT
    assert len(trace) == trace.cut.tokens_kept <= CONTEXT
    assert trace.cut.tokens_kept + trace.cut.tokens_dropped == full
    assert trace.text == text[: trace.cut.character]
    assert "".join(trace.pieces) == trace.text
    assert trace_json(trace)["cut"] == {
        "tokens_kept": trace.cut.tokens_kept,
        "tokens_dropped": trace.cut.tokens_dropped,
        "character": trace.cut.character,
        "context": CONTEXT,
    }


def test_the_shorter_context_of_the_two_decides_the_cut(load):
    text = CORPUS * 8
    assert token_trace(*load("long", "student"), text).cut.context == CONTEXT
    assert token_trace(*load("long", "long"), text).cut is None


def test_a_cut_text_scores_as_the_kept_part_alone(load):
    pair = load("teacher", "student")
    cut = token_trace(*pair, TRICKY * 12)
    alone = token_trace(*pair, cut.text)
    assert alone.cut is None
    for name in TOKEN_FIELDS:
        np.testing.assert_array_equal(cut.columns[name], alone.columns[name])


def test_a_padded_embedding_is_cut_and_the_dropped_mass_reported(folders, load):
    trace = token_trace(*load("teacher", "padded"), TRICKY)
    ids, logits = plain_logits(folders["padded"], TRICKY)
    scored = logits[: len(ids) - 1]
    mass = np.exp(scored - scored.max(-1, keepdims=True))
    lost = (mass[:, VOCABULARY:].sum(-1) / mass.sum(-1)).max()
    assert lost > 0.01
    assert trace.shared.size == VOCABULARY
    assert (trace.shared.teacher_dropped_rows, trace.shared.student_dropped_rows) == (0, PADDING)
    assert trace.shared.student_dropped_mass == pytest.approx(lost, abs=MASS)
    assert trace.shared.teacher_dropped_mass == 0.0
    assert trace.table.ids.max() < VOCABULARY


@pytest.mark.parametrize("block", [1, 7, 1000])
def test_the_numbers_do_not_depend_on_the_block_size(load, monkeypatch, block):
    pair = load("teacher", "student")
    usual = token_trace(*pair, TRICKY[:40])
    monkeypatch.setattr(trace_module, "logit_blocks", partial(logit_blocks, block=block))
    monkeypatch.setattr(measure_module, "rows_per_block", lambda *_: max(1, block // 2))
    other = token_trace(*pair, TRICKY[:40])
    for name in TOKEN_FIELDS:
        np.testing.assert_allclose(other.columns[name], usual.columns[name], rtol=0, atol=SAME_LOGITS)
    np.testing.assert_array_equal(other.table.ids, usual.table.ids)


WIDE = 20_000
"""A vocabulary of which only a few rows make a chunk."""


class LargestOutput(TorchDispatchMode):
    """The largest number of entries that one operation wrote as new numbers."""

    def __init__(self):
        super().__init__()
        self.entries = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and not result._is_view():
            self.entries = max(self.entries, result.numel())
        return result


def largest_output_of_statistics(rows: int) -> int:
    generator = torch.Generator().manual_seed(0)
    teacher, student = (5 * torch.randn(2, rows, WIDE, generator=generator)).unbind(0)
    observed = torch.randint(0, WIDE, (rows,), generator=generator)
    with LargestOutput() as seen:
        measure(teacher, student, observed, Settings())
    return seen.entries


def test_the_statistics_of_a_longer_block_need_no_larger_tensor():
    chunk = rows_per_block(WIDE)
    assert chunk * WIDE <= largest_output_of_statistics(2 * chunk) == largest_output_of_statistics(5 * chunk)
    assert largest_output_of_statistics(2 * chunk) < 2 * chunk * WIDE


def vocabulary_wide_bytes() -> int:
    """Bytes of the living tensors that have an entry per token of the vocabulary and a row per position."""
    wide = [
        one
        for one in gc.get_objects()
        if type(one) is torch.Tensor and one.dim() == 2 and one.shape[-1] == VOCABULARY and not one.requires_grad
    ]
    return sum({one.untyped_storage().data_ptr(): one.untyped_storage().nbytes() for one in wide}.values())


def most_held(pair, text: str) -> int:
    seen = []
    token_trace(*pair, text, progress=lambda *_: seen.append(vocabulary_wide_bytes()))
    assert len(seen) > 2
    return max(seen)


def test_a_longer_text_holds_no_more_logits_at_a_time(load):
    pair = load("long", "long")
    assert 0 < most_held(pair, CORPUS * 3) == most_held(pair, CORPUS * 8)


def test_progress_rises_to_one(load):
    seen = []
    token_trace(*load("long", "long"), CORPUS * 4, progress=lambda share, stage: seen.append((share, stage)))
    shares = [share for share, _ in seen]
    assert shares == sorted(shares)
    assert len(shares) > 2
    assert shares[-1] == 1.0
    assert all(stage for _, stage in seen)


def test_a_progress_callback_that_raises_stops_the_work(load):
    calls = []

    def stop(share, stage):
        calls.append(share)
        raise Cancelled("enough")

    with pytest.raises(Cancelled, match="enough"):
        token_trace(*load("long", "long"), CORPUS * 4, progress=stop)
    assert len(calls) == 1
    assert calls[0] < 1.0


def test_the_time_of_models_and_statistics_is_told_apart(load):
    seconds = token_trace(*load("teacher", "student"), TRICKY).seconds
    assert set(seconds) == {"models", "analysis"}
    assert min(seconds.values()) > 0


def test_the_same_call_gives_the_same_trace(load):
    pair = load("teacher", "student")
    one, two = (json.dumps(trace_json(token_trace(*pair, TRICKY))) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("text", ["", "I"])
def test_a_text_with_nothing_to_score_is_refused(load, text):
    with pytest.raises(InvalidInput):
        token_trace(*load("teacher", "student"), text)


def test_ties_of_the_largest_logit_go_to_the_lowest_id():
    rows = torch.zeros(3, 50)
    rows[0, [7, 9, 49]] = 2.0
    rows[1, 49] = 1.0
    rows[2] = -1.0
    observed = torch.tensor([9, 0, 3])
    block = measure(rows, rows.flip(-1), observed, Settings())[0]
    # Flipped, the first row's lowest maximum is id 0, the second's is id 0 too, the constant row's is id 0 in both.
    assert block.columns["top1_agree"].tolist() == [0.0, 0.0, 1.0]
    assert block.columns["teacher_rank"].tolist() == [1.0, 2.0, 1.0]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_ranks_of_half_precision_logits_are_those_of_the_same_numbers(dtype):
    generator = torch.Generator().manual_seed(6)
    teacher, student = (3 * torch.randn(2, 9, 700, generator=generator)).to(dtype)
    observed = torch.randint(0, 700, (9,), generator=generator)
    half = measure(teacher, student, observed, Settings())
    single = measure(teacher.float(), student.float(), observed, Settings())
    for name in ("teacher_rank", "student_rank", "top1_agree"):
        found, expected = (np.concatenate([block.columns[name] for block in blocks]) for blocks in (half, single))
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory."),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory"),
    ],
)
def test_memory_that_ends_while_scoring_is_one_sentence_and_holds_no_model(load, error):
    teacher, student = load("teacher", "student")

    class Full(torch.nn.Module):
        device = torch.device("cpu")

        def forward(self, **inputs):
            raise error

    with pytest.raises(OutOfMemory, match="choose a shorter text, a smaller model or dtype") as caught:
        token_trace(teacher, replace(student, model=Full()), TRICKY)
    assert caught.value.__context__ is None
    assert str(caught.value).count("\n") == 0


def test_an_error_that_is_not_about_memory_passes_as_it_is(load, monkeypatch):
    monkeypatch.setattr(trace_module, "measure", lambda *words: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        token_trace(*load("teacher", "student"), TRICKY)


def test_what_is_noted_about_a_model_is_kept_with_the_trace_and_in_its_json(load, tmp_path):
    teacher, student = load("teacher", "student")
    noted = replace(teacher, info=replace(teacher.info, notes=("One tensor is not used.",)))
    trace = token_trace(noted, student, TRICKY)
    trace.save(tmp_path / "trace.npz")
    kept = TokenTrace.load(tmp_path / "trace.npz")
    assert kept.teacher == trace.teacher == noted.info
    assert json.loads(json.dumps(trace_json(kept)))["teacher"]["notes"] == ["One tensor is not used."]
    assert kept.student.notes == ()
