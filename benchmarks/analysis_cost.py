"""What all statistics cost beside the forward passes of the two models.

512 tokens, a vocabulary of 50,257, a teacher with 12 layers (124 M parameters) and a student with 6 (82 M), the sizes
of GPT-2 and DistilGPT-2, with random weights, in float32 on one thread. CPU time; in every repeat the passes and the
statistics take turns block by block, so that a disturbance of the machine hits both.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from typing import Any

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from akl_viz.analysis.measure import Block, measure, position_table
from akl_viz.models import Checkpoint, logit_blocks
from akl_viz.records import ModelInfo, Settings
from benchmarks.record import Result, finish, record

TOKENS = 512
TEACHER_LAYERS, STUDENT_LAYERS = 12, 6
SHARPNESS = 8.0
"""Weight of the last layer norm: logits of a standard deviation of about 4.5, so that a position is about as
predictable as in a trained model. Random weights alone give every token nearly the same probability."""
FLATNESS = 1.0 / SHARPNESS
"""Takes the sharpness out again: the dearest case, a head of half the vocabulary at every position."""
BAR = 0.25
REPEATS, QUICK_REPEATS = 7, 3
SETTINGS = Settings()


def random_gpt2(layers: int) -> Checkpoint:
    """A GPT-2 of that many layers with random weights and usefully sharp logits."""
    model: Any = GPT2LMHeadModel(GPT2Config(n_layer=layers))
    model.eval().requires_grad_(False)
    with torch.no_grad():
        model.transformer.ln_f.weight.fill_(SHARPNESS)
    info = ModelInfo(
        reference=f"random GPT-2, {layers} layers",
        architecture="GPT2LMHeadModel",
        parameters=model.num_parameters(),
        vocab_size=model.config.vocab_size,
        context=model.config.n_positions,
        dtype="float32",
        device="cpu",
        revision="",
    )
    return Checkpoint(info, model, tokenizer=None)


def one_repeat(pair: tuple[Checkpoint, Checkpoint], ids: torch.Tensor) -> dict[str, float]:
    """CPU seconds of the plain passes, of the passes in blocks, and of the statistics on sharp and on flat rows."""
    spent: dict[str, float] = defaultdict(float)
    for checkpoint in pair:
        started = time.process_time()
        with torch.inference_mode():
            checkpoint.model(input_ids=ids[None, :-1], use_cache=False)
        spent["passes"] += time.process_time() - started
    blocks: list[Block] = []
    done = 1
    streams = [logit_blocks(one, ids.tolist(), rows=one.info.vocab_size) for one in pair]
    started = time.process_time()
    for teacher, student in zip(*streams, strict=True):
        passed = time.process_time()
        observed = ids[done:][: len(teacher)]
        done += len(teacher)
        blocks += measure(teacher, student, observed, SETTINGS)
        measured = time.process_time()
        flat = teacher * FLATNESS, student * FLATNESS
        flattened = time.process_time()
        measure(*flat, observed, SETTINGS)
        ended = time.process_time()
        spent["blocks"] += passed - started
        spent["statistics"] += measured - passed
        spent["flat"] += ended - flattened
        started = time.process_time()
    position_table(blocks, len(ids), first=1)
    spent["statistics"] += time.process_time() - started
    return spent


def run(*, quick: bool = False) -> bool:
    """Measure, print and record; returns whether the bar is met."""
    torch.set_num_threads(1)
    pair = random_gpt2(TEACHER_LAYERS), random_gpt2(STUDENT_LAYERS)
    vocabulary = pair[0].info.vocab_size
    ids = torch.randint(0, vocabulary, (TOKENS + 1,), generator=torch.Generator().manual_seed(0))
    one_repeat(pair, ids[:65])
    repeats = [one_repeat(pair, ids) for _ in range(QUICK_REPEATS if quick else REPEATS)]
    sizes = " + ".join(f"{one.info.parameters / 1e6:.0f} M" for one in pair)

    def share(part: str) -> list[float]:
        return [repeat[part] / repeat["passes"] for repeat in repeats]

    entries = TOKENS * vocabulary
    results = [
        Result.of("statistics / passes", share("statistics"), "share", bar=BAR, note="the claim"),
        Result.of("statistics of flat rows / passes", share("flat"), "share", bar=BAR, note="untrained models"),
        Result.of("passes of both models", [one["passes"] for one in repeats], "CPU s", note=sizes),
        Result.of("passes in blocks with a cache", [one["blocks"] for one in repeats], "CPU s"),
        Result.of("statistics", [one["statistics"] for one in repeats], "CPU s"),
        Result.of("statistics per entry", [one["statistics"] / entries * 1e9 for one in repeats], "ns"),
    ]
    return record("analysis_cost", results, quick=quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three repeats")
    finish(run(quick=parser.parse_args().quick))
