"""A teacher and the model of a trainer as the pair our own code takes them for."""

from __future__ import annotations

from typing import Any

import torch

from akl_viz.errors import InvalidInput, VocabularyMismatch
from akl_viz.models import Checkpoint, match_vocabularies
from akl_viz.models.device import dtype_name
from akl_viz.models.loading import context_length, vocabulary_rows
from akl_viz.records import ModelInfo


def paired(teacher: Any, model: Any, tokenizer: Any) -> tuple[Checkpoint, Checkpoint, int]:
    """Teacher, student, and the number of tokens both score.

    Args:
        teacher: a Checkpoint or a causal language model, which is taken to have the trainer's tokenizer.
        model: the trainer's.
        tokenizer: the trainer's processing class, or None.

    Raises:
        InvalidInput: the teacher is no causal language model.
        VocabularyMismatch: the two do not number the same tokens in the same way; without any tokenizer, the
            numbers of rows differ.
    """
    loaded = teacher if isinstance(teacher, Checkpoint) else None
    words = tokenizer_of(tokenizer) or (loaded.tokenizer if loaded else None)
    ours, theirs = loaded or as_checkpoint(teacher, words), as_checkpoint(model, words)
    if words is not None:
        return ours, theirs, match_vocabularies(ours, theirs).size
    rows = ours.info.vocab_size, theirs.info.vocab_size
    if rows[0] != rows[1]:
        raise VocabularyMismatch(
            f"The teacher scores {rows[0]} tokens and the student {rows[1]}, and the trainer has no tokenizer to "
            "tell which are the same: give it one (processing_class=...)."
        )
    return ours, theirs, rows[0]


def tokenizer_of(given: Any) -> Any:
    """The tokenizer in what a trainer calls its processing class; None where there is none."""
    found = getattr(given, "tokenizer", given)
    return found if hasattr(found, "get_vocab") else None


def checked_module(model: Any) -> torch.nn.Module:
    """The model, if it is one that predicts tokens. Raises InvalidInput."""
    if not isinstance(model, torch.nn.Module) or not hasattr(model, "get_output_embeddings"):
        raise InvalidInput(
            "A teacher must be a causal language model, a checkpoint or a model reference, "
            f"not a {type(model).__name__}."
        )
    return model


def as_checkpoint(model: Any, tokenizer: Any) -> Checkpoint:
    """A module of somebody else's with the name it has in records. Raises InvalidInput where it predicts no tokens."""
    module: Any = checked_module(model)
    first = next(module.parameters())
    info = ModelInfo(
        reference=str(getattr(module.config, "name_or_path", "") or ""),
        architecture=type(module).__name__,
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        vocab_size=vocabulary_rows(module),
        context=context_length(module, tokenizer),
        dtype=dtype_name(first.dtype),
        device=str(first.device),
        revision="",
    )
    return Checkpoint(info, module, tokenizer)
