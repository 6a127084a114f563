"""The experiments of `akl-viz toy`: their options, and how each is run and told."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from akl_viz.cli.toy_options import (
    Result,
    add_losses,
    add_optimiser,
    counting,
    losses_of,
    optimisers_of,
    optional_numbers,
    optional_points,
)
from akl_viz.errors import InvalidInput
from akl_viz.records import BOUNDARIES
from akl_viz.words import counted

if TYPE_CHECKING:
    from akl_viz.toys import DiscreteConfig, FirstCount


def discrete_options(parser: argparse.ArgumentParser) -> None:
    """Options of `akl-viz toy discrete`."""
    parser.add_argument(
        "--preset", default="paper-longtail", help="paper-longtail (default), paper-bimodal, paper-broad, zipf or own"
    )
    parser.add_argument("--target", metavar="P,P,...", help="own teacher: probabilities, divided by their sum")
    parser.add_argument("--tokens", type=int, help="vocabulary of zipf (default 1000)")
    add_losses(parser)
    add_optimiser(parser)
    parser.add_argument("--start", help="uniform, zeros, warm or missing-mode (default: the preset's)")
    parser.add_argument("--noise", type=float, help="standard deviation of a warm start, in logits (default 1)")
    parser.add_argument("--depth", type=float, help="how far a missing mode's logits are lowered (default 10)")
    for name, text in (
        ("steps", "optimiser steps (default: the preset's)"),
        ("seeds", "number of seeds (default 1)"),
        ("first-seed", "the first of them (default 1)"),
        ("far-from", "first token of the far region (default 0.575 of the vocabulary)"),
        ("bottom", "tokens of --tail bottom (default 10)"),
        ("every", "record every so many steps (default 1)"),
    ):
        parser.add_argument(f"--{name}", type=int, help=text)
    parser.add_argument("--mu", type=float, help="teacher mass of the head (default 0.5)")
    parser.add_argument(
        "--boundary", choices=BOUNDARIES, help="whether the token that crosses mu is left out (below, default)"
    )
    parser.add_argument("--tail", help="what tail_gap sums over: rest (all but the head, default), far or bottom")
    parser.add_argument("--share", type=float, default=0.5, help="share of a gap to get below first (default 0.5)")


def run_discrete(arguments: argparse.Namespace) -> Result:
    """Run `akl-viz toy discrete`."""
    from akl_viz.toys import discrete_config, who_was_first
    from akl_viz.toys import run_discrete as train
    from akl_viz.toys.first import check_share

    check_share(arguments.share)
    given = vars(arguments)
    names = ("tokens", "steps", "seeds", "first_seed", "mu", "boundary", "tail", "far_from", "bottom", "every")
    changes = {name: given[name] for name in names}
    base = discrete_config(arguments.preset, target=optional_numbers(arguments.target, "--target"))
    changes |= {"target": base.target or None, "losses": losses_of(arguments), "start": _start(base.start, arguments)}
    changes["optimisers"] = optimisers_of(base.optimisers, arguments)
    config = discrete_config(arguments.preset, **changes)
    _refuse_idle(config, given)
    runs = train(config, progress=counting())
    first, *others = runs.config.losses
    lines = [f"{'loss':<28} {'head gap':>10} {'tail gap':>10} {'far gap':>10} {'KL(T‖S)':>12} {'KL(S‖T)':>12}"]
    fields = ("head_gap", "tail_gap", "far_gap", "forward_kl", "reverse_kl")
    for loss in runs.config.losses:
        numbers = (float(runs.curve(field, loss)[:, -1].mean()) for field in fields)
        lines.append(
            f"{loss:<28}" + "".join(f" {number:>{10 if place < 3 else 12}.4g}" for place, number in enumerate(numbers))
        )
    lines.append(
        f"after {counted(config.steps, 'step')}, means over n = {counted(config.seeds, 'seed')}; "
        f"{config.optimisers[0].label}"
    )
    counts: list[FirstCount] = []
    for other in others:
        counts += [who_was_first(runs, first, other, field=field, share=arguments.share) for field in fields[:2]]
    told = [asdict(count) | {"sentence": count.sentence()} for count in counts]
    return Result(runs.to_json() | {"first": told}, runs.frame(), [*lines, *(one["sentence"] for one in told)])


def _refuse_idle(config: DiscreteConfig, given: Mapping[str, Any]) -> None:
    """Raise InvalidInput for an option that would change nothing."""
    belongs = (
        ("tokens", "--preset zipf", config.preset == "zipf"),
        ("noise", "--start warm", config.start.kind == "warm"),
        ("depth", "--start missing-mode", config.start.kind == "missing-mode"),
        ("bottom", "--tail bottom", config.tail == "bottom"),
    )
    for name, home, has_say in belongs:
        if given[name] is not None and not has_say:
            raise InvalidInput(f"--{name} belongs to {home}: leave it out.")


def _start(preset: Any, arguments: argparse.Namespace) -> Any:
    from akl_viz.toys import Start

    kind = arguments.start or preset.kind
    given = {name: getattr(arguments, name) for name in ("noise", "depth") if getattr(arguments, name) is not None}
    return Start(kind, **given)


def gaussian_options(parser: argparse.ArgumentParser) -> None:
    """Options of `akl-viz toy gaussian`."""
    parser.add_argument("--preset", default="paper-modes", help="paper-modes (default), plain-modes or plane")
    parser.add_argument("--sd", type=float, help="standard deviation of every part, in place of the preset's")
    parser.add_argument("--means", metavar="M,M,...", help="means of the parts; in two dimensions X:Y,X:Y,...")
    parser.add_argument("--sds", metavar="S,S,...", help="their standard deviations, in the same form")
    parser.add_argument("--weights", metavar="W,W,...", help="their weights, divided by their sum")
    parser.add_argument("--grid", help="paper (0, 2, ..., 98) or wide (a plain Gaussian density)")
    parser.add_argument("--starts", type=int, help="starts per loss (default: the preset's)")
    parser.add_argument("--iterations", type=int, help="recorded steps of the descent (default 80)")
    add_losses(parser)


def run_gaussian(arguments: argparse.Namespace) -> Result:
    """Run `akl-viz toy gaussian`."""
    from akl_viz.toys import NO_MINIMUM, Mixture, fit_gaussians, gaussian_config

    target = None
    if arguments.sd is not None and arguments.sds is not None:
        raise InvalidInput("--sd sets that of every part and --sds those of each: leave one out.")
    if any(text is not None for text in (arguments.means, arguments.sds, arguments.weights)):
        stored = gaussian_config(arguments.preset).target
        means = optional_points(arguments.means, "--means") or stored.means
        sds = optional_points(arguments.sds, "--sds") or stored.sds
        weights = optional_numbers(arguments.weights, "--weights") or (
            stored.weights if not arguments.means else (1.0,) * len(means)
        )
        target = Mixture(means, sds * len(means) if len(sds) == 1 else sds, weights)
    config = gaussian_config(
        arguments.preset, target=target, sd=arguments.sd, grid=arguments.grid, starts=arguments.starts,
        iterations=arguments.iterations, losses=losses_of(arguments),
    )  # fmt: skip
    fits = fit_gaussians(config, progress=counting())
    if not fits.found:
        raise InvalidInput(NO_MINIMUM)
    lines = []
    for loss, optima in fits.optima.items():
        for one in optima:
            place = ", ".join(f"{mean:.4f} (sd {sd:.4f})" for mean, sd in zip(one.mean, one.sd, strict=True))
            kind = "global" if one.is_global else "local"
            starts = counted(len(one.starts), "start")
            lines.append(f"{loss:<20} {kind:<7} {one.value:.6f} nats at {place}, {starts}")
        if failed := len(fits.failed(loss)):
            told = "starts ended at no minimum: they ran off to ever more extreme students, or stand on a saddle"
            below = fits.ran_below(loss)
            down = "" if below is None else f"; down to {below:.6f} nats, so that no optimum is global"
            lines.append(f"{loss:<20} failed  {failed} of {config.starts} {told}{down}")
    return Result(fits.to_json(), fits.frame(), lines)


def lowrank_options(parser: argparse.ArgumentParser) -> None:
    """Options of `akl-viz toy lowrank`."""
    parser.add_argument("--preset", help="paper (default, minutes), capacity (more ranks) or quick (seconds)")
    parser.add_argument(
        "--stored", action="store_true", help="show the result that comes with the project, run nothing"
    )
    parser.add_argument("--ranks", metavar="R,R,...", help="ranks of the student (default 2,4,8)")
    for name, text in (
        ("seeds", "number of seeds (default 10)"),
        ("first-seed", "the first of them (default 0, the paper notes' teacher)"),
        ("steps", "adam steps (default 3000)"),
        ("contexts", "number of contexts (default 64)"),
        ("tokens", "size of the vocabulary (default 200)"),
        ("teacher-rank", "rank of the teacher's logits (default 32)"),
    ):
        parser.add_argument(f"--{name}", type=int, help=text)
    parser.add_argument("--lr", type=float, help="learning rate at the beginning (default 0.05)")
    add_losses(parser)


def run_lowrank(arguments: argparse.Namespace) -> Result:
    """Run `akl-viz toy lowrank`."""
    from akl_viz.toys import lowrank_config, stored_lowrank

    given = vars(arguments)
    names = ("seeds", "first_seed", "steps", "lr", "contexts", "tokens", "teacher_rank")
    ranks = optional_numbers(arguments.ranks, "--ranks")
    if ranks and not all(rank.is_integer() for rank in ranks):
        raise InvalidInput("--ranks must be whole numbers: give 2,4,8.")
    changes = {name: given[name] for name in names} | {"losses": losses_of(arguments)}
    changes["ranks"] = tuple(int(rank) for rank in ranks) if ranks else None
    if arguments.stored:
        idle = [name for name in ("preset", "ranks", "loss", *names) if given[name] not in (None, [], ())]
        if idle:
            raise InvalidInput(f"--stored shows the stored result as it is: leave out --{idle[0].replace('_', '-')}.")
        result = stored_lowrank()
    else:
        config = lowrank_config(arguments.preset or "paper", **changes)
        from akl_viz.toys import run_lowrank as train

        result = train(config, progress=counting())
    lines = [one.sentence for one in result.findings()]
    for (loss, rank), rows in result.summary().groupby(["loss", "rank"], sort=False):
        means = dict(zip(rows["field"], rows["mean"], strict=True))
        shown = "  ".join(f"{name} {means[name]:.4f}" for name in ("forward_kl", "reverse_kl", "tvd", "entropy"))
        lines.append(f"{loss:<24} rank {rank:>3}  {shown}")
    return Result(result.to_json(), result.frame(), lines)


def plateau_options(parser: argparse.ArgumentParser) -> None:
    """Options of `akl-viz toy plateau`."""
    parser.add_argument(
        "--depths", default="5,10,15", metavar="G,G,...", help="how far the left mode's logits are lowered"
    )
    parser.add_argument("--threshold", type=float, default=0.05, help="total variation to get below (default 0.05)")
    parser.add_argument("--limit", type=int, default=20_000, help="most steps (default 20000)")
    add_losses(parser)
    add_optimiser(parser)


def run_plateau(arguments: argparse.Namespace) -> Result:
    """Run `akl-viz toy plateau`."""
    from akl_viz.toys import Optimiser, plateau_steps

    optimiser = optimisers_of((Optimiser("sgd", 1.0),), arguments) or (Optimiser("sgd", 1.0),)
    found = plateau_steps(
        optional_numbers(arguments.depths, "--depths") or (),
        losses_of(arguments) or ("forward_kl", "reverse_kl"),
        optimiser[0],
        threshold=arguments.threshold,
        limit=arguments.limit,
        progress=counting(),
    )
    lines = []
    for (loss, depth), steps in found.steps.items():
        count = found.limit if steps is None else steps
        told = f"{'more than ' if steps is None else ''}{counted(count, 'step')}"
        lines.append(f"{loss:<20} depth {depth:g}: {told}")
    return Result(
        found.to_json(), found.frame(), [*lines, f"{found.optimiser.label}; total variation below {found.threshold:g}"]
    )
