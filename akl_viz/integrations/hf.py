"""For transformers and TRL: a Trainer that distils with any divergence, and a callback that measures any training."""

from __future__ import annotations

from akl_viz.integrations.callback import HeadTailCallback
from akl_viz.integrations.trainer import DistillationMixin, DistillationTrainer

__all__ = ["DistillationMixin", "DistillationTrainer", "HeadTailCallback"]
