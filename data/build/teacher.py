"""Train the bundled teacher until its held-out perplexity stops falling; keep the best checkpoint.

AdamW with a cosine over `--epochs` passes; the held-out text is scored every 100 steps, the best weights are kept, and
the run ends when PATIENCE scores in a row have not improved on them. It resumes from `state.pt` of its scratch folder
after an interruption.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from language_model import (
    CONTEXT,
    cosine,
    language_model_loss,
    new_llama,
    optimiser,
    perplexity,
    save_half,
    windows,
)
from text import DATA, TOKENIZER, token_streams
from transformers import PreTrainedTokenizerFast

BATCH = 8
PEAK_LR = 2e-3
WARM_UP = 60
EVALUATE_EVERY = 100
PATIENCE = 3


def has_stopped_falling(curve: list[dict[str, float]]) -> bool:
    """Whether the last PATIENCE scores are all above the best one before them."""
    scores = [row["perplexity"] for row in curve]
    return len(scores) > PATIENCE and min(scores[-PATIENCE:]) > min(scores[:-PATIENCE])


def parse_arguments() -> argparse.Namespace:
    """The command line; the defaults build what is bundled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=float, default=10.0)
    parser.add_argument("--scratch", type=Path, default=DATA / "build/scratch/teacher")
    parser.add_argument("--out", type=Path, default=DATA / "checkpoints/teacher")
    parser.add_argument("--max-steps", type=int, default=None, help="stop early, to time the recipe")
    return parser.parse_args()


def main() -> None:
    """Train, log one JSON line per evaluation, save the best weights."""
    arguments = parse_arguments()
    arguments.scratch.mkdir(parents=True, exist_ok=True)

    train, held_out = token_streams(PreTrainedTokenizerFast.from_pretrained(TOKENIZER))
    steps = int(arguments.epochs * len(train) / (BATCH * CONTEXT))
    model = new_llama(hidden=256, layers=4, inner=688, heads=4, seed=0)
    adam = optimiser(model, PEAK_LR)
    generator = torch.Generator().manual_seed(0)
    first, best, seconds, curve = 0, float("inf"), 0.0, []
    state_file = arguments.scratch / "state.pt"
    if state_file.exists():
        state = torch.load(state_file, weights_only=True)
        model.load_state_dict(state["model"])
        adam.load_state_dict(state["adam"])
        generator.set_state(state["generator"])
        first, best, seconds, curve = state["step"], state["best"], state["seconds"], state["curve"]

    started = time.process_time()
    for step in range(first, arguments.max_steps or steps):
        if has_stopped_falling(curve):
            break
        for group in adam.param_groups:
            group["lr"] = PEAK_LR * cosine(step, steps, WARM_UP)
        loss = language_model_loss(model, windows(train, BATCH, CONTEXT, generator))
        adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        done = step + 1
        if done % EVALUATE_EVERY and done != steps:
            continue
        row = {
            "step": done,
            "tokens": done * BATCH * CONTEXT,
            "train_loss": loss.item(),
            "perplexity": perplexity(model, held_out),
            "cpu_seconds": seconds + time.process_time() - started,
        }
        curve.append(row)
        print(json.dumps(row), flush=True)
        if row["perplexity"] < best:
            best = row["perplexity"]
            save_half(model, arguments.out)
        state = {"model": model.state_dict(), "adam": adam.state_dict(), "generator": generator.get_state()}
        state |= {"step": done, "best": best, "seconds": row["cpu_seconds"], "curve": curve}
        torch.save(state, state_file)
    curve_file = DATA / "curves/teacher.json"
    curve_file.parent.mkdir(parents=True, exist_ok=True)
    curve_file.write_text(json.dumps({"epochs": arguments.epochs, "steps": steps, "curve": curve}, indent=1))


if __name__ == "__main__":
    main()
