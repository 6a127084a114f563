"""`akl-viz divergence`: every divergence between two distributions over a small vocabulary."""

from __future__ import annotations

import argparse
import json

from akl_viz.cli.command import Command, print_line
from akl_viz.cli.numbers import numbers_of
from akl_viz.cli.settings import add_settings, settings_of
from akl_viz.loss_spec import SYNTAX, LossSpec
from akl_viz.words import counted


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `akl-viz divergence`."""
    numbers = "probabilities of the tokens, with commas between; divided by their sum"
    parser.add_argument("--teacher", required=True, metavar="P,P,...", help=numbers)
    parser.add_argument("--student", required=True, metavar="P,P,...", help=numbers)
    parser.add_argument(
        "--loss", action="append", metavar="SPEC", help=f"{SYNTAX}; may be repeated (default: every divergence)"
    )
    add_settings(parser)
    parser.add_argument("--target", type=int, metavar="I", help="the target token (default: the teacher's likeliest)")
    parser.add_argument("--json", action="store_true", help="print everything as JSON (schema 1)")


def run_divergence(arguments: argparse.Namespace) -> None:
    """Compare the two distributions and print values, or everything as JSON."""
    settings = settings_of(arguments)
    teacher, student = (numbers_of(getattr(arguments, side), f"--{side}") for side in ("teacher", "student"))
    losses = None if arguments.loss is None else [LossSpec.parse(text) for text in arguments.loss]
    from akl_viz.analysis.small_vocabulary import compare

    comparison = compare(teacher, student, settings, target=arguments.target, losses=losses)
    if arguments.json:
        from akl_viz.analysis.small_vocabulary_export import comparison_json

        print_line(json.dumps(comparison_json(comparison), ensure_ascii=False, allow_nan=False))
        return
    for row in comparison.losses:
        bound = "" if row.upper is None else f", at most {row.upper:.6g}"
        print_line(f"{row.spec!s:<28} {row.value:>12.6f} {row.unit}{bound}  {row.divergence.direction}")
    for head in comparison.heads.values():
        print_line(
            f"head ({head.boundary}): {counted(int(head.mask.sum()), 'token')}, mass {head.mass:.6f}, "
            f"head gap {head.head_gap:.6f}, tail gap {head.tail_gap:.6f}, w {head.weight_forward:.6f}"
        )


COMMAND = Command(
    "divergence", "compare two distributions over a few tokens by every divergence", add_options, run_divergence
)
