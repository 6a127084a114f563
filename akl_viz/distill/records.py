"""What a run tells while it runs, and what it leaves behind. Loads no torch."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

import numpy as np
import numpy.typing as npt

HISTORY_COLUMNS: tuple[str, ...] = (
    "run",
    "loss",
    "step",
    "seconds",
    "tokens",
    "train_loss",
    "forward_kl",
    "reverse_kl",
    "head_gap",
    "tail_gap",
    "weight_forward",
    "top1_agreement",
    "perplexity",
    "entropy",
)
"""The columns of history.parquet, one row per loss and probed step (DESIGN 6)."""

WEIGHT_BINS = 40
"""Bins of the histogram of AKL weights, equally wide from 0 to 1."""


@dataclass(frozen=True)
class ProbeRow:
    """Means over the held-out positions; nats where a divergence or an entropy."""

    forward_kl: float
    reverse_kl: float
    head_gap: float
    tail_gap: float
    weight_forward: float
    """The weight adaptive KL gives, or would give, to KL(T‖S)."""
    top1_agreement: float
    perplexity: float
    """exp of the mean loss of the student on the tokens that follow."""
    entropy: float
    """Of the student."""

    def as_dict(self) -> dict[str, float]:
        """Column -> value."""
        return asdict(self)


@dataclass(frozen=True)
class ProbeDetail:
    """What a probe keeps beside its means."""

    weight_counts: npt.NDArray[np.int64]
    """(WEIGHT_BINS,) held-out positions by the forward weight of adaptive KL."""
    watched: npt.NDArray[np.float32]
    """(P, V) log-probabilities of the student at the watched positions, nats."""
    samples: tuple[str, ...] = ()
    """The student's continuations of the fixed prompts."""


@dataclass(frozen=True)
class TeacherDetail:
    """The teacher's side of the probes, and what the watched positions are."""

    watched: npt.NDArray[np.float32]
    """(P, V) log-probabilities of the teacher, nats."""
    positions: npt.NDArray[np.int64]
    """(P,) index in the first held-out sequence of the token that is predicted."""
    observed: npt.NDArray[np.int64]
    """(P,) id of the token that follows there."""
    contexts: tuple[str, ...]
    """(P) the end of the text before each watched position."""
    observed_text: tuple[str, ...]
    """(P) the token that follows, as text."""
    prompts: tuple[str, ...]
    """What the samples continue."""
    samples: tuple[str, ...]
    """The teacher's own continuations."""
    facts: dict[str, float] = field(default_factory=dict)
    """perplexity, entropy, mean_head_size, one_token_heads and positions of the held-out set."""


@dataclass(frozen=True)
class StepRecord:
    """One optimiser step of one loss; step 0 is the start, before any training."""

    loss: str
    step: int
    steps: int
    """Steps the run will have."""
    seconds: float
    """Training time of this loss so far, probes and checkpoints not counted."""
    tokens: int
    """Positions this loss has trained on so far."""
    train_loss: float
    """Mean loss of the step's positions, nats; NaN at step 0."""
    lr: float
    grad_norm: float
    """Norm of the gradient before clipping; NaN at step 0, and where a resumed run tells a stored step again."""
    tokens_per_second: float
    """Of this loss, over its last steps."""
    eta_seconds: float | None
    """Estimated time until all losses are done; None before the first step."""
    done: float
    """Share of all steps of all losses that are done, 0 to 1."""
    probe: ProbeRow | None = None
    """The measurement of this step, where it is one of the probed steps."""
    detail: ProbeDetail | None = None
