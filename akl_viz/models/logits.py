"""Logits of a text in blocks of positions, as one pass of the model gives them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from akl_viz.errors import InvalidInput
from akl_viz.models.checkpoint import Checkpoint
from akl_viz.models.passes import cached_blocks, one_pass, parted_blocks, passes_of

BLOCK = 64
"""Positions per block: enough for efficient matrix products, 13 MB of float32 logits at 50,257 tokens."""
LARGEST_AT_ONCE = 4_000_000_000
"""Bytes of float32 logits that may exist at once where a model gives them only all at once."""


class LogitBlocks(Iterator[torch.Tensor]):
    """The blocks of one text under one model, and what the cut to the shared rows lost so far."""

    def __init__(self, blocks: Iterator[tuple[torch.Tensor, float]]) -> None:
        """Wrap pairs of a block and the largest dropped mass in it."""
        self._blocks = blocks
        self.dropped_mass = 0.0
        """Largest probability mass, over the positions so far, on rows beyond the shared ones (temperature 1)."""

    def __next__(self) -> torch.Tensor:
        """The next block, (b, rows)."""
        block, mass = next(self._blocks)
        self.dropped_mass = max(self.dropped_mass, mass)
        return block


def logit_blocks(
    checkpoint: Checkpoint,
    ids: Sequence[int],
    *,
    rows: int,
    block: int = BLOCK,
    side: str = "model",
) -> LogitBlocks:
    """Score a text, block by block of positions, in the way that `passes_of` found for the model.

    Row t of the concatenated blocks predicts token t + 1 from tokens 0..t, for t = 0..T-2, as one uncached pass over
    tokens 0..T-2 does: the last token predicts nothing and is not fed, as in training and in probes. Memory grows with
    block x vocabulary, not with T x vocabulary, except for the few models whose output layer cannot be run apart.

    Args:
        checkpoint: the model.
        ids: (T,) token ids.
        rows: number of shared vocabulary rows to keep.
        block: positions per block.
        side: how the model is called in messages: teacher or student.

    Returns:
        Blocks of shape (b, rows) on the model's device, float32 (float64 of a float64 model); its `dropped_mass`
        is the largest probability mass that fell on rows beyond the shared ones.

    Raises:
        InvalidInput: a logit is NaN or +inf, with the position (-inf is a masked token and stays); or all logits of
            the text would exist at once and are too many.
    """
    if block < 1:
        raise ValueError(f"block is a number of positions and must be at least 1, not {block}")
    return LogitBlocks(_blocks(checkpoint, ids, rows, block, side))


def _blocks(
    checkpoint: Checkpoint, ids: Sequence[int], rows: int, block: int, side: str
) -> Iterator[tuple[torch.Tensor, float]]:
    """The logits of one block after another, checked and cut to the shared rows."""
    start = 0
    for whole in _run(checkpoint, ids, block, side):
        with torch.inference_mode():
            logits = whole[0]
            if logits.dtype != torch.float64:
                logits = logits.float()
            _check(logits, start, side, checkpoint.info.reference)
            kept, mass = logits[:, :rows], _dropped_mass(logits, rows)
        start += len(kept)
        yield kept, mass


def _run(checkpoint: Checkpoint, ids: Sequence[int], block: int, side: str) -> Iterator[torch.Tensor]:
    """Run the model in the cheapest way that equals one pass over all tokens but the last: (1, b, V) at a time."""
    model, passes = checkpoint.model, passes_of(checkpoint.model)
    fed = torch.tensor([list(ids)], device=model.device)[:, :-1]
    length = fed.shape[1]
    if length <= passes.cached_to:
        return cached_blocks(model, fed, block)
    if passes.parted:
        return parted_blocks(model, fed, block)
    size = length * checkpoint.info.vocab_size * 4
    if size > LARGEST_AT_ONCE:
        raise InvalidInput(
            f"The {side} {checkpoint.info.reference} gives the logits of all {len(ids)} tokens at once, which need "
            f"{size / 1e9:.1f} GB: give a text of at most {length * LARGEST_AT_ONCE // size + 1} tokens."
        )
    with torch.inference_mode():
        logits = one_pass(model, fed)
    return iter(torch.split(logits, block, dim=1))


def _check(logits: torch.Tensor, start: int, side: str, reference: str) -> None:
    """Refuse logits that are no numbers, naming the first position."""
    highest = logits.amax(dim=-1)
    bad = torch.isnan(highest) | torch.isposinf(highest)
    if bad.any():
        position = start + int(bad.nonzero()[0, 0])
        raise InvalidInput(
            f"The {side} {reference} gives logits that are not finite at position {position}: "
            "choose float32, or a checkpoint from before its training diverged."
        )


def _dropped_mass(logits: torch.Tensor, rows: int) -> float:
    """Largest probability mass over a block's positions on the rows that are cut away."""
    if logits.shape[-1] == rows:
        return 0.0
    share = torch.logsumexp(logits[:, rows:], dim=-1) - torch.logsumexp(logits, dim=-1)
    return float(share.exp().max())
