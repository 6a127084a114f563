"""The bundled novels as rows of token ids, for the examples."""

from __future__ import annotations

import lzma
from typing import Any

import torch

from akl_viz.paths import DATA

NOVEL = "persuasion"
HELD_OUT = 0.05


def token_windows(tokenizer: Any, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(train, held out) windows (N, length) of one novel; its last 5 % are never trained on."""
    text = lzma.decompress((DATA / "corpus" / f"{NOVEL}.txt.xz").read_bytes()).decode("utf-8")
    cut = int(len(text) * (1 - HELD_OUT))
    parts = []
    for part in (text[:cut], text[cut:]):
        ids = torch.tensor(tokenizer(part, add_special_tokens=False, verbose=False)["input_ids"])
        parts.append(ids[: len(ids) // length * length].reshape(-1, length))
    return parts[0], parts[1]
