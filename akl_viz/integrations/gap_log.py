"""Directions and gaps of the batches a trainer has seen since it last logged."""

from __future__ import annotations

import torch
from torch import Tensor

from akl_viz.divergences import DIVERGENCES, Pair, gaps_of
from akl_viz.integrations.scored import Scored

SAMPLED = 64
"""Most positions per micro-batch: enough for a curve, and a fixed small cost at any batch size."""
LOGGED = ("forward_kl", "reverse_kl", "head_gap", "tail_gap")


class GapLog:
    """Running means of KL(T‖S), KL(S‖T) in nats, head gap and tail gap (sums of |p - q|), at temperature 1."""

    def __init__(self) -> None:
        self._sums: Tensor | None = None
        self._positions = 0

    def add(self, scored: Scored, counted: Tensor) -> None:
        """Measure up to SAMPLED evenly spaced positions of a micro-batch.

        Args:
            scored: the batch under both models.
            counted: (...) bool, the positions with a label.
        """
        places = counted.flatten().nonzero().squeeze(-1)
        if not len(places):
            return
        wanted = torch.linspace(0, len(places) - 1, min(SAMPLED, len(places)), device=places.device)
        with torch.no_grad(), torch.autocast(places.device.type, enabled=False):
            pair = Pair.from_logits(*scored.rows(places[wanted.round().long()]))
            directions = [DIVERGENCES[key].value(pair).sum() for key in LOGGED[:2]]
            sums = torch.stack([*directions, *(gap.sum() for gap in gaps_of(pair))])
        self._sums = sums if self._sums is None else self._sums + sums
        self._positions += len(wanted)

    def taken(self) -> dict[str, float]:
        """The means since the last call, by name; empty where nothing was measured."""
        if self._sums is None:
            return {}
        means = (self._sums / self._positions).tolist()
        self._sums, self._positions = None, 0
        return dict(zip(LOGGED, means, strict=True))
