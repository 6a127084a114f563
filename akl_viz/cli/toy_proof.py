"""`akl-viz toy proof`: the numbers behind the argument that zero gradient means p = q, one part at a time."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from akl_viz.cli.toy_options import Result, add_losses, add_optimiser, losses_of, optimisers_of, optional_numbers
from akl_viz.errors import InvalidInput
from akl_viz.words import counted

_LOSSES = ("forward_kl", "reverse_kl", "akl", "mixed_kl")
_KLS = ("forward_kl", "reverse_kl")


def proof_options(parser: argparse.ArgumentParser) -> None:
    """Options of `akl-viz toy proof`."""
    parser.add_argument("part", choices=PARTS, help="; ".join(f"{name}: {part.help}" for name, part in PARTS.items()))
    parser.add_argument("--weight", type=float, metavar="W", help="phi: weight of KL(T‖S) in the mix (default 0.5)")
    parser.add_argument(
        "--teacher", metavar="P,P,...", help="simplex: three probabilities (default 0.6,0.3,0.1); late: any"
    )
    parser.add_argument("--start", metavar="Q,Q,Q", help="simplex: the student's start (default 0.04,0.16,0.8)")
    parser.add_argument("--steps", type=int, help="simplex: optimiser steps of the paths (default 200)")
    parser.add_argument("--density", type=int, help="simplex: points of the flow along each side (default 13)")
    parser.add_argument("--threshold", type=float, help="simplex: total variation to get below (default 0.05)")
    parser.add_argument("--preset", help="late: a teacher of `akl-viz toy discrete` (default paper-longtail)")
    parser.add_argument("--distances", metavar="D,D,...", help="late: lengths of the logit error (default 4 to 0.01)")
    parser.add_argument("--seed", type=int, help="late: seed of the error's direction (default 0)")
    add_losses(parser)
    add_optimiser(parser)


def run_proof(arguments: argparse.Namespace) -> Result:
    """Run `akl-viz toy proof`."""
    part = PARTS[arguments.part]
    known = {name for row in PARTS.values() for name in row.options}
    given = {name: value for name, value in vars(arguments).items() if name in known and value is not None}
    for name in given:
        if name not in part.options:
            homes = " and ".join(other for other, row in PARTS.items() if name in row.options)
            raise InvalidInput(f"--{name} belongs to {homes}, not to {arguments.part}: leave it out.")
    return part.run(arguments)


def _phi(arguments: argparse.Namespace) -> Result:
    from akl_viz.toys import phi_of_mix

    found = phi_of_mix(0.5 if arguments.weight is None else arguments.weight)
    kind = "rises from every ratio to the next" if found.rises else "does not rise everywhere"
    ends = [
        f"{value:.6g} at r = {ratio:g}" for ratio, value in zip(found.ratios[[0, -1]], found.mix[[0, -1]], strict=True)
    ]
    line = f"w = {found.weight:g}: phi {kind} of {len(found.ratios)}, from {ends[0]} to {ends[1]}"
    return Result(found.to_json(), found.frame(), [line])


def _simplex(arguments: argparse.Namespace) -> Result:
    from akl_viz.toys import Optimiser, simplex_run

    usual = Optimiser("sgd", 1.0)
    given = {name: getattr(arguments, name) for name in ("steps", "density", "threshold")}
    found = simplex_run(
        optional_numbers(arguments.teacher, "--teacher") or (0.6, 0.3, 0.1),
        optional_numbers(arguments.start, "--start") or (0.04, 0.16, 0.8),
        losses_of(arguments) or _LOSSES,
        (optimisers_of((usual,), arguments) or (usual,))[0],
        **{name: value for name, value in given.items() if value is not None},
    )
    lines = []
    for loss in found.paths:
        reached, last = found.reached(loss), found.tvd(loss)[-1]
        count = len(found.paths[loss]) - 1 if reached is None else reached
        steps = f"{'more than ' if reached is None else ''}{counted(count, 'step')}"
        lines.append(
            f"{loss:<20} {steps} until the total variation is below {found.threshold:g}, {last:.4g} at the end"
        )
    return Result(found.to_json(), found.frame(), [*lines, found.optimiser.label])


def _late(arguments: argparse.Namespace) -> Result:
    from akl_viz.toys import discrete_config, late_equivalence

    if arguments.preset is not None and arguments.teacher is not None:
        raise InvalidInput("Give --preset or --teacher, not both.")
    given_losses = losses_of(arguments) or _KLS
    if len(given_losses) != len(_KLS):
        raise InvalidInput(f"Two losses are compared: give --loss twice, not {counted(len(given_losses), 'time')}.")
    losses = (given_losses[0], given_losses[1])
    teacher = optional_numbers(arguments.teacher, "--teacher")
    if teacher is None:
        teacher = tuple(discrete_config(arguments.preset or "paper-longtail").teacher().tolist())
    options: dict[str, Any] = {
        "distances": optional_numbers(arguments.distances, "--distances"),
        "seed": arguments.seed,
    }
    given = {name: value for name, value in options.items() if value is not None}
    found = late_equivalence(teacher, losses=losses, **given)
    lines = [f"{'distance':>10} {'total variation':>16} {'cosine':>12} {'Hessians apart':>15}"]
    for row in found.frame().itertuples(index=False):
        lines.append(f"{row[0]:>10g} {row[1]:>16.6g} {row[2]:>12.8f} {row[3]:>15.6g}")
    return Result(found.to_json(), found.frame(), [*lines, f"{losses[0]} against {losses[1]}, seed {found.seed}"])


@dataclass(frozen=True)
class Part:
    """One row of the table of parts."""

    help: str
    options: tuple[str, ...]
    run: Callable[[argparse.Namespace], Result]


PARTS: dict[str, Part] = {
    "phi": Part("the one increasing curve", ("weight",), _phi),
    "simplex": Part(
        "flows and paths over three tokens",
        ("teacher", "start", "steps", "density", "threshold", "loss", "optimizer", "lr"),
        _simplex,
    ),
    "late": Part("both KLs near the optimum", ("teacher", "preset", "distances", "seed", "loss"), _late),
}
"""Every part, in the order of the page."""
