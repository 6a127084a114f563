"""Write data/checkpoints/index.json: what each bundled checkpoint is, and the perplexity its saved weights have.

Perplexity is exp of the mean negative log-likelihood per token over the whole held-out text, in windows of the
context, computed in float32 from the fp16 weights as they lie on disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from language_model import perplexity
from students import BUNDLED_STEPS, LOSSES
from text import DATA, TOKENIZER, token_streams
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

CHECKPOINTS = DATA / "checkpoints"
INDEX = CHECKPOINTS / "index.json"


def bundled() -> list[dict[str, str | int | None]]:
    """Name, role, loss and step of every bundled checkpoint: the teacher, the start, then students by loss and step."""
    rows: list[dict[str, str | int | None]] = [
        {"name": "teacher", "role": "teacher", "loss": None, "step": None},
        {"name": "start", "role": "student", "loss": None, "step": 0},
    ]
    for loss in LOSSES:
        rows += [{"name": f"{loss}-{step}", "role": "student", "loss": loss, "step": step} for step in BUNDLED_STEPS]
    return rows


def load(folder: Path) -> LlamaForCausalLM:
    """The checkpoint in float32. Raises OSError where it is missing, ValueError where a weight is missing or NaN."""
    model, report = LlamaForCausalLM.from_pretrained(
        folder, dtype=torch.float32, use_safetensors=True, local_files_only=True, output_loading_info=True
    )
    if report["missing_keys"]:
        raise ValueError(f"{folder.name} lacks weights: {sorted(report['missing_keys'])}")
    broken = [name for name, tensor in model.named_parameters() if not tensor.isfinite().all()]
    if broken:
        raise ValueError(f"{folder.name} has weights that are not finite: {broken}")
    return model


@contextmanager
def one_thread() -> Iterator[None]:
    """Run on one thread: sums do not depend on the number of cores, and a busy machine does not slow it manyfold."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def held_out_stream() -> torch.Tensor:
    """Token ids of the held-out ends of all novels."""
    return token_streams(PreTrainedTokenizerFast.from_pretrained(TOKENIZER))[1]


def main() -> None:
    """Measure every checkpoint and write the index."""
    held_out = held_out_stream()
    rows = bundled()
    for row in rows:
        model = load(CHECKPOINTS / str(row["name"]))
        row["parameters"] = model.num_parameters()
        with one_thread():
            row["perplexity"] = round(perplexity(model, held_out), 3)
        print(json.dumps(row), flush=True)
    INDEX.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
