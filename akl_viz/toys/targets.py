"""Teachers of the toys: the notebooks' distributions, Zipf's law, a list of probabilities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from akl_viz.errors import InvalidInput
from akl_viz.records import FloatArray

MOST_TOKENS = 50_000
FEWEST_TOKENS = 2
FAR_SHARE = 0.575
"""Where the far region begins, as a share of the vocabulary: the notebook's inset starts at token 46 of 80."""
ZIPF_EXPONENT = 1.2
ZIPF_TOKENS = 1000


def normal_density(points: FloatArray, mean: float, sd: float) -> FloatArray:
    """The density of a Gaussian at the points."""
    density: FloatArray = np.exp(-0.5 * ((points - mean) / sd) ** 2) / (sd * np.sqrt(2.0 * np.pi))
    return density


def notebook_mixture(mean_1: float, mean_2: float, sd: float) -> FloatArray:
    """(50,) 0.3 N(mean_1, sd) + 0.5 N(mean_2, sd) at 0, 2, ..., 98, renormalised (weights 0.375 and 0.625).

    The notebook passes a second sd but its `doubledensity` sets sigma2 = sigma1, so both parts have the first.

    Source: wutaiqiang/LLM_KD_AKL toy_examples/FR_KL.ipynb.
    """
    points = np.arange(0.0, 100.0, 2.0)
    density = 0.3 * normal_density(points, mean_1, sd) + 0.5 * normal_density(points, mean_2, sd)
    return normalised(density)


def paper_longtail() -> FloatArray:
    """(80,) half a Gaussian of sd 16 at 0, 1.25, ..., 98.75, each point times 1 + 0.01 U(0, 1), renormalised.

    The notebook leaves numpy's generator unseeded; here the noise is `numpy.random.default_rng(0)`.

    Source: wutaiqiang/LLM_KD_AKL toy_examples/FR_compare.ipynb.
    """
    density = normal_density(np.arange(0.0, 100.0, 1.25), 0.0, 16.0)
    return normalised(density * (1.0 + 0.01 * np.random.default_rng(0).random(len(density))))


def paper_bimodal() -> FloatArray:
    """(50,) N2 of FR_KL.ipynb: modes at 25 and 75, sd 10."""
    return notebook_mixture(25.0, 75.0, 10.0)


def paper_broad() -> FloatArray:
    """(50,) N3 of FR_KL.ipynb: by its sigma bug one Gaussian of mean 50 and sd 15."""
    return notebook_mixture(50.0, 50.0, 15.0)


def zipf(tokens: int = ZIPF_TOKENS, exponent: float = ZIPF_EXPONENT) -> FloatArray:
    """(tokens,) probabilities proportional to rank ** -exponent, the likeliest token first."""
    if not FEWEST_TOKENS <= tokens <= MOST_TOKENS:
        raise InvalidInput(f"The vocabulary must have {FEWEST_TOKENS} to {MOST_TOKENS:,} tokens, not {tokens}.")
    if not 0.0 < exponent <= 10.0:
        raise InvalidInput(f"The Zipf exponent must be a number above 0 and at most 10, not {exponent:g}.")
    return normalised(np.arange(1.0, tokens + 1.0) ** -exponent)


def own_target(numbers: Sequence[float]) -> FloatArray:
    """The numbers divided by their sum. Raises InvalidInput unless at least two are given and all are above 0."""
    values = np.asarray(numbers, dtype=np.float64)
    if not FEWEST_TOKENS <= len(values) <= MOST_TOKENS:
        raise InvalidInput(f"The target needs {FEWEST_TOKENS} to {MOST_TOKENS:,} probabilities, not {len(values)}.")
    with np.errstate(over="ignore"):
        total = values.sum()
    if not (np.isfinite(total) and (values > 0.0).all()):
        raise InvalidInput("The target's probabilities must be finite and above 0: write a small one as 1e-6.")
    shares = normalised(values)
    if not (shares > 0.0).all():
        raise InvalidInput(
            "The target's probabilities lie too far apart to be divided by their sum: make the small ones larger."
        )
    return shares


def normalised(density: FloatArray) -> FloatArray:
    """The density divided by its sum."""
    shares: FloatArray = density / density.sum()
    return shares


@dataclass(frozen=True)
class Target:
    """One row of the table of teachers."""

    key: str
    label: str
    tokens: int
    """Size of its vocabulary; of "zipf" the default."""
    make: Callable[[], FloatArray]
    """(V,) probabilities."""
    positions: tuple[float, float] | None = None
    """(first, step) of the axis the tokens stand on; None where tokens are ranks."""


TARGETS: dict[str, Target] = {
    target.key: target
    for target in (
        Target("paper-longtail", "Long tail (FR_compare)", 80, paper_longtail, (0.0, 1.25)),
        Target("paper-bimodal", "Two modes (FR_KL N2)", 50, paper_bimodal, (0.0, 2.0)),
        Target("paper-broad", "One broad mode (FR_KL N3)", 50, paper_broad, (0.0, 2.0)),
        Target("zipf", "Zipf, a warmed-up student", ZIPF_TOKENS, zipf),
    )
}
"""The teachers with a name, in the order of menus."""
