"""Logits of a text in blocks of positions: one pass of the model, never all positions times all tokens at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from akl_viz.errors import InvalidInput
from akl_viz.models.checkpoint import Checkpoint

BLOCK = 64
"""Positions per block: enough for efficient matrix products, 13 MB of float32 logits at 50,257 tokens."""


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
    """Score a text, block by block of positions, with the key-value cache carrying the prefix.

    Row t of the concatenated blocks predicts token t + 1 from tokens 0..t, for t = 0..T-2: the last token
    predicts nothing and is not run. Memory grows with block x vocabulary, not with T x vocabulary.

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
        InvalidInput: a logit is NaN or +inf, with the position; -inf is a masked token and stays.
    """
    if block < 1:
        raise ValueError(f"block is a number of positions and must be at least 1, not {block}")
    return LogitBlocks(_blocks(checkpoint, ids, rows, block, side))


def _blocks(
    checkpoint: Checkpoint, ids: Sequence[int], rows: int, block: int, side: str
) -> Iterator[tuple[torch.Tensor, float]]:
    """Run the model over one block after another."""
    model = checkpoint.model
    inputs = torch.tensor([list(ids[:-1])], device=model.device)
    cache = None
    for start in range(0, inputs.shape[1], block):
        # A generator must not hold inference mode across its yields: it would leak into the caller's code.
        with torch.inference_mode():
            output = model(input_ids=inputs[:, start : start + block], past_key_values=cache, use_cache=True)
            cache = output.past_key_values
            logits = output.logits[0]
            if logits.dtype != torch.float64:
                logits = logits.float()
            _check(logits, start, side, checkpoint.info.reference)
            kept, mass = logits[:, :rows], _dropped_mass(logits, rows)
        yield kept, mass


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
