"""`akl-viz models`: what is bundled."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from akl_viz.cli.command import Command, print_line


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `akl-viz models`."""
    parser.add_argument("--json", action="store_true", help="as a JSON list")


def run_models(arguments: argparse.Namespace) -> None:
    """Print the bundled models, as a table or as JSON."""
    from akl_viz.models import bundled_models

    rows = [asdict(model) for model in bundled_models()]
    if arguments.json:
        print_line(json.dumps(rows, indent=1))
        return
    print_line(f"{'reference':<24} {'role':<8} {'parameters':>10} {'perplexity':>10}")
    for row in rows:
        perplexity = f"{row['perplexity']:.1f}" if row["perplexity"] is not None else "-"
        print_line(f"{row['reference']:<24} {row['role']:<8} {row['parameters']:>10,} {perplexity:>10}")


COMMAND = Command("models", "list the bundled models", add_options, run_models)
