"""How each causal family that transformers builds is run, and how far that is from one pass over the text.

The models are small and random, the text is 150 tokens of one context of 256: beyond every short window and switch.
"""

from __future__ import annotations

import argparse
import math

import torch

from akl_viz.errors import AklVizError
from akl_viz.models import Checkpoint, logit_blocks
from akl_viz.models.health import check_causal
from akl_viz.models.passes import Passes, one_pass, passes_of
from akl_viz.records import ModelInfo
from benchmarks.record import Result, finish, record
from tests.models.architectures import ARCHITECTURES, CONTEXT, TOKENS, VOCABULARY, Architecture

NAME = "architectures"
QUICK = 12
"""Architectures of a quick run."""


def way(passes: Passes) -> str:
    """How a model is run, in words."""
    whole = "one pass" if passes.parted else "one pass, all logits at once"
    if not passes.cached_to:
        return whole
    if math.isinf(passes.cached_to):
        return "blocks with a cache"
    return f"blocks with a cache up to {passes.cached_to:.0f} tokens, then {whole}"


def scored(architecture: Architecture) -> tuple[str, float, float]:
    """The way chosen (or why the model is refused), the largest difference to one pass, and the largest logit."""
    model = architecture.model()
    try:
        check_causal(model, architecture.kind)
    except AklVizError as error:
        return f"refused: {str(error).partition(' describes ')[2].partition(' (')[0]}", 0.0, 0.0
    ids = (torch.arange(1, TOKENS + 1) * 31 % VOCABULARY).tolist()
    info = ModelInfo(architecture.name, type(model).__name__, 0, VOCABULARY, CONTEXT, "float32", "cpu", "")
    found = torch.cat(list(logit_blocks(Checkpoint(info, model, None), ids, rows=VOCABULARY, block=16)))
    with torch.no_grad():
        right = one_pass(model, torch.tensor([ids[:-1]]))[0, :, :VOCABULARY]
    return way(passes_of(model)), float((found - right).abs().max()), float(right.abs().max())


def run(*, quick: bool = False) -> bool:
    """Score, print and record."""
    torch.set_num_threads(1)
    results = []
    for architecture in ARCHITECTURES[:QUICK] if quick else ARCHITECTURES:
        chosen, difference, _ = scored(architecture)
        results.append(Result.of(architecture.name, [difference], "logit", note=chosen))
    return record(NAME, results, quick=quick)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    finish(run(quick=parser.parse_args().quick))
