"""Sequences of tokens, the order in which a run takes them, and the batches they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from akl_viz.distill.seeds import generator


@dataclass(frozen=True)
class TokenSequence:
    """One sequence to learn on, or to measure on."""

    ids: Tensor
    """(T,) int64 token ids, at least 2."""
    prompt: int = 1
    """Leading tokens that are given: samples start after them, and a response begins there."""
    response_only: bool = False
    """Whether only the tokens after the prompt count in the loss, or those of `responses` where there are some."""
    responses: tuple[tuple[int, int], ...] = ()
    """First token of each response of a chat, and the token after it."""

    @property
    def counts(self) -> Tensor:
        """(T - 1,) bool: whether the prediction of token t + 1 counts."""
        places = torch.arange(1, len(self.ids))
        if not (self.response_only and self.responses):
            return places >= (self.prompt if self.response_only else 1)
        return torch.stack([(start <= places) & (places < end) for start, end in self.responses]).any(dim=0)


class Windows(Sequence[TokenSequence]):
    """A stream of tokens cut into consecutive windows of one length, without copying it."""

    def __init__(self, stream: Tensor, length: int, prompt: int = 1) -> None:
        """Cut a stream (N,) into N // length windows, or into a single one where it is shorter than that."""
        self._stream = stream
        self._length = min(length, len(stream))
        self._prompt = min(prompt, self._length - 1)

    def __len__(self) -> int:
        """Number of windows; what is left at the end of the stream is in none."""
        return len(self._stream) // self._length

    def __getitem__(self, index: int) -> TokenSequence:  # type: ignore[override]
        """One window."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        start = index * self._length
        return TokenSequence(self._stream[start : start + self._length], self._prompt)


@dataclass(frozen=True)
class Batch:
    """Sequences side by side, shorter ones padded at the end.

    Attention is causal, so no position before the padding sees it and no attention mask is needed; how a model whose
    logits depend on the length of the batch is run over it, `padded_pass` knows.
    """

    inputs: Tensor
    """(B, L) token ids; row t predicts targets[t]."""
    targets: Tensor
    """(B, L) token ids."""
    mask: Tensor | None
    """(B, L) bool: positions that count; None for all."""
    lengths: tuple[int, ...]
    """(B) positions before the padding."""
    indices: tuple[int, ...]
    """(B) which sequence of the corpus each row is."""

    @property
    def count(self) -> int:
        """Number of positions that count."""
        return self.targets.numel() if self.mask is None else int(self.mask.sum())

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        mask = None if self.mask is None else self.mask.to(device)
        return Batch(self.inputs.to(device), self.targets.to(device), mask, self.lengths, self.indices)


def collate(rows: Sequence[TokenSequence], indices: Sequence[int]) -> Batch:
    """Put sequences side by side."""
    lengths = tuple(len(row.ids) - 1 for row in rows)
    longest = max(lengths)
    ids = torch.zeros(len(rows), longest + 1, dtype=torch.int64)
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for place, row in enumerate(rows):
        ids[place, : len(row.ids)] = row.ids
        mask[place, : lengths[place]] = row.counts
    whole = bool(mask.all())
    return Batch(ids[:, :-1], ids[:, 1:], None if whole else mask, lengths, tuple(indices))


class Order:
    """Which sequences come at which place of a run: every one once, then all again in another order.

    A pure function of the seed and the place, so that a run that is resumed needs no memory of what it read.
    """

    def __init__(self, size: int, seed: int, limit: int = 0) -> None:
        """The order over `size` sequences, or over `limit` of them drawn by the seed."""
        self._seed = seed
        self._pool = torch.arange(size)
        if 0 < limit < size:
            self._pool = torch.randperm(size, generator=generator(seed, "limit"))[:limit].sort().values
        self._epoch = -1
        self._shuffled = self._pool

    def __len__(self) -> int:
        """Number of different sequences."""
        return len(self._pool)

    def take(self, first: int, count: int) -> list[int]:
        """The sequences at places first, ..., first + count - 1 of the run."""
        return [self._at(place) for place in range(first, first + count)]

    def _at(self, place: int) -> int:
        epoch, inside = divmod(place, len(self._pool))
        if epoch != self._epoch:
            shuffle = torch.randperm(len(self._pool), generator=generator(self._seed, "order", epoch))
            self._epoch, self._shuffled = epoch, self._pool[shuffle]
        return int(self._shuffled[inside])
