"""`akl-viz toy`: small experiments in which mean- and mode-seeking appear, disappear and come back."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from akl_viz.cli import toy_proof, toy_runs
from akl_viz.cli.command import Command, print_line
from akl_viz.cli.files import check_outputs, writing
from akl_viz.cli.parser import path_of
from akl_viz.cli.toy_options import Result


@dataclass(frozen=True)
class Toy:
    """One row of the table of experiments."""

    name: str
    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Result]


TOYS: tuple[Toy, ...] = (
    Toy(
        "discrete",
        "a free softmax student approaches one teacher under several losses",
        toy_runs.discrete_options,
        toy_runs.run_discrete,
    ),
    Toy(
        "gaussian",
        "a Gaussian student is fitted to a mixture: every optimum",
        toy_runs.gaussian_options,
        toy_runs.run_gaussian,
    ),
    Toy("lowrank", "a student of limited rank over many contexts", toy_runs.lowrank_options, toy_runs.run_lowrank),
    Toy("plateau", "steps until a dropped mode is back", toy_runs.plateau_options, toy_runs.run_plateau),
    Toy(
        "proof",
        "why zero gradient means p = q: the curve phi, flows over three tokens, both KLs near the end",
        toy_proof.proof_options,
        toy_proof.run_proof,
    ),
)
"""Every experiment, in the order of the help text."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The experiments of `akl-viz toy`, each with its options."""
    toys = parser.add_subparsers(dest="toy", required=True, metavar="TOY")
    for toy in TOYS:
        options = toys.add_parser(toy.name, help=toy.help, description=f"{toy.help}.")
        toy.add_options(options)
        options.add_argument("--json", action="store_true", help="print everything as JSON (schema 1)")
        options.add_argument("--csv", type=path_of, metavar="F", help="write the table as CSV")
        options.add_argument("--out", type=path_of, metavar="F", help="write the JSON to a file")
        options.set_defaults(experiment=toy.run)


def run_toy(arguments: argparse.Namespace) -> None:
    """Run one experiment; print or write what came out."""
    check_outputs({"--csv": arguments.csv, "--out": arguments.out}, printed="--json" if arguments.json else "")
    result: Result = arguments.experiment(arguments)
    document = json.dumps(result.document, ensure_ascii=False, allow_nan=False)
    if arguments.csv is not None:
        from akl_viz.analysis.export import table_csv

        _write(arguments.csv, table_csv(result.table))
    if arguments.out is not None:
        _write(arguments.out, document + "\n")
    if arguments.json:
        print_line(document)
    elif arguments.csv is None and arguments.out is None:
        for line in result.lines:
            print_line(line)


def _write(path: Path, text: str) -> None:
    with writing(path):
        path.write_text(text, encoding="utf-8", newline="")


COMMAND = Command("toy", "small experiments where mean- and mode-seeking appear and disappear", add_options, run_toy)
