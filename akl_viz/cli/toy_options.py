"""What the experiments of `akl-viz toy` share: options, how they are read, and what a run hands back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from akl_viz.cli.numbers import numbers_of, points_of
from akl_viz.loss_spec import SYNTAX, refuse_twice

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Result:
    """What an experiment prints: a document, a table and lines for a reader."""

    document: dict[str, Any]
    table: pd.DataFrame
    lines: Sequence[str]


def add_losses(parser: argparse.ArgumentParser) -> None:
    """The option --loss, which may be repeated."""
    parser.add_argument("--loss", action="append", metavar="SPEC", help=f"{SYNTAX}; may be repeated")


def add_optimiser(parser: argparse.ArgumentParser) -> None:
    """The options --optimizer and --lr."""
    parser.add_argument("--optimizer", help="adam, adamw, sgd or momentum (default: the preset's)")
    parser.add_argument("--lr", type=float, help="learning rate; the loss is the plain sum over tokens")


def losses_of(arguments: argparse.Namespace) -> tuple[str, ...] | None:
    """The given losses, each once; None where none was given.

    Raises:
        InvalidInput: one is another one in other words, or is none.
    """
    if not arguments.loss:
        return None
    from akl_viz.toys.descent import Loss

    # Where an experiment has a head of its own, a loss that names none looks at that.
    own = {name: value for name in ("mu", "boundary") if (value := getattr(arguments, name, None)) is not None}
    given = tuple(dict.fromkeys(arguments.loss))
    losses = [(text, Loss.of(text, **own)) for text in given]
    refuse_twice((text, loss.row.key, loss.params) for text, loss in losses)
    return given


def optimisers_of(preset: Sequence[Any], arguments: argparse.Namespace) -> Any:
    """The preset's optimiser with another name or learning rate, or None where nothing was given."""
    from akl_viz.toys import Optimiser

    if arguments.optimizer is None and arguments.lr is None:
        return None
    if arguments.optimizer in (None, preset[0].name):
        return (Optimiser(preset[0].name, preset[0].lr if arguments.lr is None else arguments.lr),)
    return (Optimiser.of(arguments.optimizer, arguments.lr),)


def optional_numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    """The numbers of a list with commas. Raises InvalidInput as `numbers_of` does."""
    return None if text is None else numbers_of(text, option)


def optional_points(text: str | None, option: str) -> tuple[tuple[float, ...], ...] | None:
    """Points of one or more coordinates. Raises InvalidInput as `points_of` does."""
    return None if text is None else points_of(text, option)


def counting() -> Callable[[float], None] | None:
    """A line on standard error that counts up at a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        return None

    def show(share: float) -> None:
        sys.stderr.write(f"\r{share:4.0%}" if share < 1.0 else "\r\x1b[2K")

    return show
