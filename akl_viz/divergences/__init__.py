"""The mathematics: divergences between a teacher's and a student's next-token distributions.

Teacher first (p before q); natural logarithm, nats; the vocabulary is the last axis; gradients are with respect to the
student's logits. Adding a divergence is one file with a `Divergence` row and one line in `registry`.
"""

from __future__ import annotations

from akl_viz.divergences.akl import akl, akl_grad, akl_weights, gaps, gaps_of, weights_of
from akl_viz.divergences.alpha_beta import alpha_beta, alpha_beta_grad
from akl_viz.divergences.amid import amid, amid_grad
from akl_viz.divergences.base import Divergence, Param
from akl_viz.divergences.blocks import rows_per_block
from akl_viz.divergences.drkl import drkl, drkl_grad
from akl_viz.divergences.gated import bdkd, bdkd_grad, klr, klr_grad
from akl_viz.divergences.head import Head, head_mask, head_mass, head_of, head_size
from akl_viz.divergences.hellinger import hellinger, hellinger_grad
from akl_viz.divergences.jsd import jsd, jsd_grad
from akl_viz.divergences.kl import (
    forward_kl,
    forward_kl_grad,
    forward_terms,
    mixed_kl,
    mixed_kl_grad,
    reverse_kl,
    reverse_kl_grad,
    reverse_terms,
)
from akl_viz.divergences.linear import linear_distillation_loss
from akl_viz.divergences.loss import distillation_loss
from akl_viz.divergences.pair import Pair, entropy, log_probs
from akl_viz.divergences.reduce import masked_mean
from akl_viz.divergences.registry import DIVERGENCES, get
from akl_viz.divergences.skew import skew_forward_kl, skew_forward_kl_grad, skew_reverse_kl, skew_reverse_kl_grad
from akl_viz.divergences.taid import taid, taid_grad
from akl_viz.divergences.todi import todi, todi_grad
from akl_viz.divergences.tvd import tvd, tvd_grad

__all__ = [
    "DIVERGENCES",
    "Divergence",
    "Head",
    "Pair",
    "Param",
    "akl",
    "akl_grad",
    "akl_weights",
    "alpha_beta",
    "alpha_beta_grad",
    "amid",
    "amid_grad",
    "bdkd",
    "bdkd_grad",
    "distillation_loss",
    "drkl",
    "drkl_grad",
    "entropy",
    "forward_kl",
    "forward_kl_grad",
    "forward_terms",
    "gaps",
    "gaps_of",
    "get",
    "head_mask",
    "head_mass",
    "head_of",
    "head_size",
    "hellinger",
    "hellinger_grad",
    "jsd",
    "jsd_grad",
    "klr",
    "klr_grad",
    "linear_distillation_loss",
    "log_probs",
    "masked_mean",
    "mixed_kl",
    "mixed_kl_grad",
    "reverse_kl",
    "reverse_kl_grad",
    "reverse_terms",
    "rows_per_block",
    "skew_forward_kl",
    "skew_forward_kl_grad",
    "skew_reverse_kl",
    "skew_reverse_kl_grad",
    "taid",
    "taid_grad",
    "todi",
    "todi_grad",
    "tvd",
    "tvd_grad",
    "weights_of",
]
