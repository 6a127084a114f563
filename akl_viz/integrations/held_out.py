"""Held-out text as a trainer's user has it - texts, token lists or a dataset - as the sequences that are measured."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import replace
from itertools import islice
from typing import Any

import torch

from akl_viz.distill.corpus import plain_ids, spaced
from akl_viz.distill.sequences import TokenSequence
from akl_viz.errors import InvalidInput
from akl_viz.models.text import begin

KINDS = "a text, a list of texts or of lists of token ids, or a dataset with a column input_ids or text"


def held_out_sequences(
    held_out: Any, tokenizer: Any, *, rows: int, window: int, count: int
) -> tuple[TokenSequence, ...]:
    """The first sequences of two tokens or more, each cut at the window.

    A single text is one stream of tokens, of which windows are taken evenly spaced. Several texts are tokenised as
    the tokenizer does by itself, special tokens included, and each begins as `begin` says. Padding that an
    attention_mask marks is left out.

    Args:
        held_out: see KINDS.
        tokenizer: of both models.
        rows: number of shared vocabulary rows: ids must be below.
        window: most tokens of a sequence.
        count: most sequences.

    Raises:
        InvalidInput: none of these kinds, an id beyond the vocabulary, or no sequence of two tokens or more.
    """
    if isinstance(held_out, str):
        text = plain_ids(tokenizer, held_out, lambda: None)
        ids = _checked([*begin(tokenizer, text).ids, *text], rows)
        found = list(spaced(ids, window, count)) if len(ids) >= 2 else []
    else:
        read = (_sequence(row, tokenizer, rows, window) for row in _rows(held_out))
        found = list(islice((sequence for sequence in read if len(sequence.ids) >= 2), count))
    if not found:
        raise InvalidInput("The held-out texts hold nothing of two tokens or more: give longer ones.")
    return tuple(found)


def left_out(held_out: Any, used: int) -> str:
    """A note where more was given than is measured; empty otherwise."""
    given = len(held_out) if isinstance(held_out, Sized) and not isinstance(held_out, str | Mapping) else used
    return f"The first {used} of {given} held-out sequences are measured." if given > used else ""


def _rows(held_out: Any) -> Iterator[Any]:
    """One text or token list, or one row of a dataset, after the other."""
    if isinstance(held_out, Mapping) and "input_ids" in held_out:
        held_out = held_out["input_ids"]
    if isinstance(held_out, Sized) and hasattr(held_out, "__getitem__") and not isinstance(held_out, Mapping):
        return (held_out[index] for index in range(len(held_out)))
    if isinstance(held_out, Iterable) and not isinstance(held_out, Mapping):
        return iter(held_out)
    raise InvalidInput(f"held_out must be {KINDS}, not a {type(held_out).__name__}.")


def _sequence(row: Any, tokenizer: Any, rows: int, window: int) -> TokenSequence:
    """One row as a sequence."""
    if isinstance(row, TokenSequence):
        return replace(row, ids=_checked(row.ids[:window], rows))
    given = row
    if isinstance(row, Mapping):
        given = row.get("input_ids", row.get("text"))
    if isinstance(given, str):
        given = _read(tokenizer, given)
    ids = _checked(given, rows)
    mask = row.get("attention_mask") if isinstance(row, Mapping) else None
    if mask is not None and len(mask) == len(ids):
        ids = ids[torch.as_tensor(mask).bool()]
    return TokenSequence(ids[:window])


def _read(tokenizer: Any, text: str) -> list[int]:
    """The tokens of a text with what the tokenizer puts around it, but never the begin token twice, or none set."""
    batch = tokenizer(text, return_special_tokens_mask=True, verbose=False)
    ids, mask = list(batch["input_ids"]), list(batch["special_tokens_mask"])
    inner = ids[mask.index(0) :] if 0 in mask else []
    return [*begin(tokenizer, inner).ids, *inner]


def _checked(given: Any, rows: int) -> torch.Tensor:
    """(T,) int64 ids on the CPU, all within the vocabulary."""
    try:
        ids = torch.as_tensor(given).cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidInput(f"held_out must be {KINDS}: it holds a {type(given).__name__}.") from error
    if len(ids.shape) != 1 or (len(ids) and (ids.is_floating_point() or ids.dtype == torch.bool)):
        raise InvalidInput(f"held_out must be {KINDS}: token ids are whole numbers, in one list per sequence.")
    if len(ids) and not 0 <= int(ids.min()) <= int(ids.max()) < rows:
        wrong = int(ids.max()) if int(ids.max()) >= rows else int(ids.min())
        raise InvalidInput(
            f"held_out holds the token id {wrong}, but both models share {rows} tokens, 0 to {rows - 1}."
        )
    return ids.long()
