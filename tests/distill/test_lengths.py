"""Rows of several lengths under models whose logits follow the longest of them: each row is learnt as if alone."""

import json

import pytest
import torch
from transformers import LlamaConfig, Phi3Config

from akl_viz.distill import DataConfig, DistillConfig, OptimiserConfig, ProbeConfig, distill, open_run
from akl_viz.distill.corpus import load_corpus
from akl_viz.distill.sequences import Order
from tests.checkpoints import VOCABULARY, make_tokenizer, random_model
from tests.distill.conftest import run

SIZES = {"vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
SIZES |= {"num_attention_heads": 4, "num_key_value_heads": 4, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
LONG_ROPE = Phi3Config(
    max_position_embeddings=256,
    original_max_position_embeddings=64,
    rope_parameters={
        "rope_type": "longrope",
        "rope_theta": 10000.0,
        "short_factor": [1.0] * 4,
        "long_factor": [8.0] * 4,
        "original_max_position_embeddings": 64,
    },
    **SIZES,
)
DYNAMIC = LlamaConfig(
    max_position_embeddings=64,
    rope_parameters={"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 4.0},
    **SIZES,
)
SAME = 1e-5
"""Of two orders of float32 sums."""


def saved(folder, config, seed):
    random_model(config, seed).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return str(folder)


def uneven(folder, longest):
    """A file of rows of 30 and of many tokens, in turns."""
    letters = [
        "".join("bcdfghjk"[(place * (3 + row) + row) % 8] for place in range((20, longest)[row % 2]))
        for row in range(10)
    ]
    rows = [{"prompt": "xqzk", "response": text} for text in letters]
    file = folder / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(file)


def settings(folder, teacher, student, **changes):
    return DistillConfig(
        teacher=saved(folder / "teacher", teacher, 1),
        student=saved(folder / "student", student, 1 if teacher is student else 2),
        losses=("forward_kl",),
        steps=4,
        data=DataConfig(text=uneven(folder, changes.pop("longest", 120)), window=200, rows=4),
        optimiser=OptimiserConfig(lr=1e-12, weight_decay=0.0),
        probe=ProbeConfig(windows=2, watched=(3,), samples=0),
        checkpoint_every=0,
        device="cpu",
        precision="float32",
        **changes,
    )


def by_hand(config, pair):
    """The loss of the first step: each row through models that have never seen another one."""
    corpus = load_corpus(config.data, make_tokenizer(), 256, config.probe.windows, lambda: None)
    order = Order(len(corpus.train), config.seed)
    rows = [corpus.train[index] for index in order.take(0, config.data.rows)]
    assert len({len(row.ids) for row in rows}) > 1
    each = []
    for row in rows:
        p, q = (
            random_model(one, seed)(input_ids=row.ids[None, :-1]).logits[0].detach().double().log_softmax(-1)
            for seed, one in enumerate(pair, start=1)
        )
        each.append((p.exp() * (p - q)).sum(-1)[row.counts])
    return float(torch.cat(each).mean())


@pytest.mark.parametrize("cache", [256, 0], ids=["teacher kept", "teacher run anew"])
@pytest.mark.parametrize(
    "pair",
    [(LONG_ROPE, LONG_ROPE), (DYNAMIC, DYNAMIC), (LlamaConfig(**SIZES), LONG_ROPE), (DYNAMIC, LONG_ROPE)],
    ids=["long RoPE", "dynamic NTK", "student alone", "one of each"],
)
def test_each_row_is_learnt_as_if_alone(tmp_path, pair, cache):
    config = settings(tmp_path, *pair, cache_mb=cache)
    first = next(record for record in distill(config) if record.step == 1)
    same = pair[0] is pair[1]
    assert first.train_loss == pytest.approx(0.0 if same else by_hand(config, pair), rel=1e-4, abs=SAME)


@pytest.mark.slow
def test_two_processes_whose_rows_have_other_lengths_learn_as_one(children, tmp_path):
    """One process may have rows of one length and run once, where the other runs twice."""
    pytest.importorskip("accelerate", reason="accelerate is not installed")
    from tests.distill.test_processes import to_the_end, together

    config = settings(tmp_path, LlamaConfig(**SIZES), LONG_ROPE)
    assert together(children, to_the_end, config, tmp_path / "two") == [0, 0]
    run(config, tmp_path / "one")
    one, two = (open_run(tmp_path / name).history()["train_loss"].dropna() for name in ("one", "two"))
    assert two.tolist() == pytest.approx(one.tolist(), rel=SAME)
