"""What each block shows and what it does not, in sentences that come from its numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from akl_viz.metrics import loss_name
from akl_viz.ui.proof.numbers import LIMIT, THRESHOLD
from akl_viz.ui.proof.state import DEPTHS, LOSSES, OPTIMISERS, PATH_STEPS, State

SLOWER = 1.2
"""From this ratio of steps on, KL(S‖T) is called slower than KL(T‖S) under Adam."""
RESTS = 4.0
"""From this ratio of steps on, KL(S‖T) is said to rest on a plateau under sgd."""
Two = tuple[str, str]
"""Shows, does not show."""


def phi(found: dict[str, Any], weight: float) -> Two:
    """The rise of phi over the drawn range."""
    values = np.asarray(found["mix"])
    rises = bool((np.diff(values) > 0.0).all())
    low, high = found["ratios"][0], found["ratios"][-1]
    kind = "rises at every point drawn" if rises else "does not rise everywhere"
    return (
        f"for w = {weight:g}, φ {kind}, from {_number(values[0])} at r = {low:g} to {_number(values[-1])} at r = "
        f"{high:g}. At zero gradient φ(r) is the same for every token, so all r are the same, and since p and q both "
        "sum to 1, r = 1.",
        "how fast a student gets there, or that it can: the argument needs a free logit for every token, and every q "
        "above 0.",
    )


def simplex(found: dict[str, Any], state: State) -> Two:
    """Who came within the threshold after how many steps."""
    parts = [f"{loss_name(loss)} {_steps(found['reached'][loss], PATH_STEPS)}" for loss in LOSSES]
    farthest = max(found["tvd"][loss][-1] for loss in LOSSES)
    return (
        f"under {state.optimiser}, lr {OPTIMISERS[state.optimiser]:g}, total variation fell below {THRESHOLD:g} after: "
        f"{', '.join(parts)}. After {PATH_STEPS} steps the farthest of the four is {_number(farthest)} away.",
        "a ranking of the losses: the order depends on the start, the teacher and the optimiser, as moving the handles "
        "shows; a model's logits are not free either.",
    )


def plateau(found: dict[str, Any], depth: int) -> Two:
    """Steps of both KLs at one depth, under both optimisers."""
    place = DEPTHS.index(depth)
    parts, ratios = [], {}
    for optimiser in OPTIMISERS:
        forward, reverse = (found[optimiser]["reached"][loss][place] for loss in ("forward_kl", "reverse_kl"))
        parts.append(f"under {optimiser}, KL(T‖S) took {_steps(forward, LIMIT)} and KL(S‖T) {_steps(reverse, LIMIT)}")
        ratios[optimiser] = (reverse or LIMIT) / (forward or LIMIT)
    return (
        f"from depth {depth}, {'; '.join(parts)}. {_why(ratios, found['sgd']['level'])}.",
        "mode-seeking as an optimum: the plateau is a place where plain gradient descent is slow, not one where the "
        "gradient is zero; and no start is given to a real student by lowering half of its logits.",
    )


def _why(ratios: dict[str, float], level: float) -> str:
    """What the steps of KL(S‖T), over those of KL(T‖S), say of a plateau under either optimiser."""
    if ratios["sgd"] < RESTS:
        return "The lost tokens keep enough mass here for both gradients: there is no plateau from so small a depth"
    sgd = f"The gradient of KL(S‖T) on a token vanishes with q, so it rests near −log P(kept mode) = {level:.3f} nats"
    if ratios["adam"] <= SLOWER:
        return f"{sgd}; Adam divides the gradient by its own size, and the plateau is gone"
    return (
        f"{sgd}; and Adam's own ε of 1e-8 is no longer small beside that gradient: KL(S‖T) takes "
        f"{ratios['adam']:.1f} times as long"
    )


def late(found: dict[str, Any]) -> Two:
    """How alike both losses are far away and close by."""
    cosine, apart, distances = found["cosine"], found["hessian_distance"], found["distances"]
    return (
        f"as the logit error shrinks from {distances[0]:g} to {distances[-1]:g}, the cosine of the two gradients goes "
        f"from {cosine[0]:.3f} to {cosine[-1]:.6f} and the Hessians' relative difference from {_number(apart[0])} to "
        f"{_number(apart[-1])}: both become diag(p) − p pᵀ, and so does every mix.",
        "that training gets so close; early on, where the losses differ, everything else on these pages happens. One "
        "random direction is drawn: another seed gives other numbers far away, the same limit nearby.",
    )


def _steps(count: int | None, limit: int) -> str:
    return f"more than {limit:,} steps" if count is None else f"{count:,} steps"


def _number(value: float) -> str:
    return f"{float(value):.3g}".replace("-", "−")
