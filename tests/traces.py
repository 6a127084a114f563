"""Traces made from random logits: real statistics of an invented pair, no checkpoint needed."""

import numpy as np
import torch

from akl_viz.analysis.measure import measure, position_table
from akl_viz.records import TOKEN_FIELDS, ModelInfo, Settings, SharedVocabulary, TokenTrace

VOCABULARY = 64


def info(reference: str) -> ModelInfo:
    return ModelInfo(
        reference=reference,
        architecture="llama",
        parameters=1_000,
        vocab_size=VOCABULARY,
        context=512,
        dtype="float32",
        device="cpu",
        revision="0" * 12,
    )


def made_trace(length: int, settings: Settings | None = None, seed: int = 0) -> TokenTrace:
    generator = torch.Generator().manual_seed(seed)
    sharpness = 1 + 5 * torch.rand(length - 1, 1, generator=generator)
    teacher = sharpness * torch.randn(length - 1, VOCABULARY, generator=generator)
    student = teacher + torch.randn(length - 1, VOCABULARY, generator=generator)
    ids = torch.randint(0, VOCABULARY, (length,), generator=generator)
    settings = settings or Settings()
    blocks = measure(teacher, student, ids[1:], settings)
    columns = {}
    for name in TOKEN_FIELDS:
        columns[name] = np.full(length, np.nan)
        columns[name][1:] = np.concatenate([block.columns[name] for block in blocks])
    pieces = tuple(f" t{token}" for token in ids.tolist())
    return TokenTrace(
        text="".join(pieces),
        teacher=info("made:teacher"),
        student=info("made:student"),
        settings=settings,
        ids=ids.numpy(),
        pieces=pieces,
        labels=tuple(piece.replace(" ", "·") for piece in pieces),
        scored=np.arange(length) > 0,
        columns=columns,
        table=position_table(blocks, length, first=1),
        vocabulary={token: f"·t{token}" for token in range(VOCABULARY)},
        shared=SharedVocabulary(VOCABULARY),
    )
