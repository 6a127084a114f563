"""The bundled text as the build steps read it: novels, their held-out ends, and token streams."""

from __future__ import annotations

import lzma
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

DATA = Path(__file__).resolve().parents[1]
CORPUS = DATA / "corpus"
TOKENIZER = DATA / "tokenizer"
HELD_OUT_SHARE = 0.05


def novels() -> dict[str, str]:
    """Name -> text of the six novels, in alphabetical order."""
    return {
        path.name.removesuffix(".txt.xz"): lzma.open(path, "rt", encoding="utf-8").read()
        for path in sorted(CORPUS.glob("*.txt.xz"))
    }


def split(text: str) -> tuple[str, str]:
    """(train, held out): the last 5 % of a novel, cut at a paragraph, is held out."""
    cut = text.find("\n\n", int(len(text) * (1 - HELD_OUT_SHARE)))
    return text[:cut], text[cut:].lstrip("\n")


def token_streams(tokenizer: PreTrainedTokenizerFast) -> tuple[torch.Tensor, torch.Tensor]:
    """(train, held out) token ids, the novels joined by the end token."""
    end = tokenizer.eos_token_id
    train: list[int] = []
    held_out: list[int] = []
    for text in novels().values():
        first, last = split(text)
        train += [*tokenizer(first, add_special_tokens=False)["input_ids"], end]
        held_out += [*tokenizer(last, add_special_tokens=False)["input_ids"], end]
    return torch.tensor(train), torch.tensor(held_out)
