"""Toys: small experiments in which mean- and mode-seeking appear, disappear and come back.

Importing this package loads no torch: each name is fetched on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from akl_viz.toys.discrete import run_discrete
    from akl_viz.toys.first import FirstCount, who_was_ahead, who_was_first
    from akl_viz.toys.gaussian import fit_gaussians
    from akl_viz.toys.gaussian_results import NO_MINIMUM, GaussianFits, Optimum, Path
    from akl_viz.toys.intervals import binomial_interval
    from akl_viz.toys.lowrank import run_lowrank
    from akl_viz.toys.lowrank_results import (
        LOWRANK_FIELDS,
        LOWRANK_PRESETS,
        NEGLIGIBLE,
        Finding,
        LowRankConfig,
        LowRankResult,
        lowrank_config,
        stored_lowrank,
    )
    from akl_viz.toys.mixture import GAUSSIAN_PRESETS, GaussianConfig, Mixture, gaussian_config
    from akl_viz.toys.plateau import PlateauResult, plateau_steps
    from akl_viz.toys.proof import (
        hessian,
        late_equivalence,
        phi,
        phi_curves,
        phi_of_mix,
        simplex_field,
        simplex_paths,
        simplex_run,
    )
    from akl_viz.toys.proof_results import LateEquivalence, PhiCurves, SimplexField, SimplexRun
    from akl_viz.toys.results import FIELDS, GAPS, DiscreteRuns
    from akl_viz.toys.settings import (
        DEFAULT_LR,
        LOSSES,
        OPTIMISERS,
        STARTS,
        TAILS,
        DiscreteConfig,
        Optimiser,
        Start,
        discrete_config,
    )
    from akl_viz.toys.targets import TARGETS, Target, own_target, zipf

__all__ = [
    "DEFAULT_LR",
    "FIELDS",
    "GAPS",
    "GAUSSIAN_PRESETS",
    "LOSSES",
    "LOWRANK_FIELDS",
    "LOWRANK_PRESETS",
    "NEGLIGIBLE",
    "NO_MINIMUM",
    "OPTIMISERS",
    "STARTS",
    "TAILS",
    "TARGETS",
    "DiscreteConfig",
    "DiscreteRuns",
    "Finding",
    "FirstCount",
    "GaussianConfig",
    "GaussianFits",
    "LateEquivalence",
    "LowRankConfig",
    "LowRankResult",
    "Mixture",
    "Optimiser",
    "Optimum",
    "Path",
    "PhiCurves",
    "PlateauResult",
    "SimplexField",
    "SimplexRun",
    "Start",
    "Target",
    "binomial_interval",
    "discrete_config",
    "fit_gaussians",
    "gaussian_config",
    "hessian",
    "late_equivalence",
    "lowrank_config",
    "own_target",
    "phi",
    "phi_curves",
    "phi_of_mix",
    "plateau_steps",
    "run_discrete",
    "run_lowrank",
    "simplex_field",
    "simplex_paths",
    "simplex_run",
    "stored_lowrank",
    "who_was_ahead",
    "who_was_first",
    "zipf",
]

_HOMES = {
    "DEFAULT_LR": "settings",
    "LOSSES": "settings",
    "OPTIMISERS": "settings",
    "STARTS": "settings",
    "TAILS": "settings",
    "DiscreteConfig": "settings",
    "Optimiser": "settings",
    "Start": "settings",
    "discrete_config": "settings",
    "TARGETS": "targets",
    "Target": "targets",
    "own_target": "targets",
    "zipf": "targets",
    "FIELDS": "results",
    "GAPS": "results",
    "DiscreteRuns": "results",
    "run_discrete": "discrete",
    "FirstCount": "first",
    "binomial_interval": "intervals",
    "who_was_ahead": "first",
    "who_was_first": "first",
    "PlateauResult": "plateau",
    "plateau_steps": "plateau",
    "GAUSSIAN_PRESETS": "mixture",
    "GaussianConfig": "mixture",
    "Mixture": "mixture",
    "gaussian_config": "mixture",
    "NO_MINIMUM": "gaussian_results",
    "GaussianFits": "gaussian_results",
    "Optimum": "gaussian_results",
    "Path": "gaussian_results",
    "fit_gaussians": "gaussian",
    "LOWRANK_FIELDS": "lowrank_results",
    "LOWRANK_PRESETS": "lowrank_results",
    "NEGLIGIBLE": "lowrank_results",
    "Finding": "lowrank_results",
    "LowRankConfig": "lowrank_results",
    "LowRankResult": "lowrank_results",
    "lowrank_config": "lowrank_results",
    "stored_lowrank": "lowrank_results",
    "run_lowrank": "lowrank",
    "LateEquivalence": "proof_results",
    "PhiCurves": "proof_results",
    "SimplexField": "proof_results",
    "SimplexRun": "proof_results",
    "hessian": "proof",
    "late_equivalence": "proof",
    "phi": "proof",
    "phi_curves": "proof",
    "phi_of_mix": "proof",
    "simplex_field": "proof",
    "simplex_paths": "proof",
    "simplex_run": "proof",
}


def __getattr__(name: str) -> object:
    """Fetch a public name from the module that holds it (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"akl_viz.toys.{_HOMES[name]}"), name)
