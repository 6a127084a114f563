"""`akl-viz inspect`: a token trace."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from akl_viz.cli.command import Command, print_line
from akl_viz.cli.files import check_folders, writing
from akl_viz.cli.settings import add_settings, settings_of
from akl_viz.errors import InvalidInput
from akl_viz.records import Settings, TokenTrace

MAX_TEXT_BYTES = 20_000_000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `akl-viz inspect`."""
    reference = "bundled:NAME, a local folder or a hub id, with #REV for a revision"
    parser.add_argument("--teacher", required=True, metavar="REF", help=reference)
    parser.add_argument("--student", required=True, metavar="REF", help=reference)
    text = parser.add_mutually_exclusive_group(required=True)
    text.add_argument("--text", metavar="T", help="the text to score")
    text.add_argument("--text-file", type=Path, metavar="F", help="a UTF-8 file with the text to score")
    add_settings(parser)
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16, float16 or float64 (default auto)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    parser.add_argument("--json", action="store_true", help="print the trace as JSON (schema 1)")
    parser.add_argument(
        "--csv",
        type=Path,
        metavar="F",
        help="write one row per token as CSV; a text like =1+1 gets a leading apostrophe, so no program runs it",
    )
    parser.add_argument("--parquet", type=Path, metavar="F", help="write one row per token as Parquet")


def run_inspect(arguments: argparse.Namespace) -> None:
    """Trace a text and print or write it."""
    settings = settings_of(arguments)
    text = arguments.text if arguments.text is not None else read_text(arguments.text_file)
    check_folders(arguments.csv, arguments.parquet)
    trace = _trace(arguments, text, settings)
    _write_tables(arguments, trace)
    if arguments.json:
        from akl_viz.analysis.export import trace_json

        print_line(json.dumps(trace_json(trace), ensure_ascii=False, allow_nan=False))
    elif arguments.csv is None and arguments.parquet is None:
        _print_summary(trace)
    _write_notices(trace)


def _write_notices(trace: TokenTrace) -> None:
    """What a user should know although nothing is wrong, on standard error."""
    for info in dict.fromkeys((trace.teacher, trace.student)):
        for note in info.notes:
            sys.stderr.write(f"{note}\n")
    if trace.cut is not None:
        sys.stderr.write(f"The text was cut after token {trace.cut.tokens_kept}: the context ends there.\n")


def read_text(path: Path) -> str:
    """The file as text. Raises InvalidInput where it is missing, too large or not UTF-8."""
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise InvalidInput(f"{path} is larger than {MAX_TEXT_BYTES // 1_000_000} MB; score a part of it.")
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text (byte {error.start}); convert it first.") from error
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read ({error.strerror}); check the path.") from error


def _trace(arguments: argparse.Namespace, text: str, settings: Settings) -> TokenTrace:
    from akl_viz.analysis.trace import token_trace
    from akl_viz.models import ModelPool, Policy

    pool = ModelPool()
    teacher, student = pool.pair(
        arguments.teacher,
        arguments.student,
        device=arguments.device,
        dtype=arguments.dtype,
        policy=Policy.for_command_line(),
    )
    return token_trace(teacher, student, text, settings)


def _write_tables(arguments: argparse.Namespace, trace: TokenTrace) -> None:
    from akl_viz.analysis.export import trace_csv

    writers: tuple[tuple[Path | None, Callable[[Path], Any]], ...] = (
        (arguments.csv, lambda file: file.write_bytes(trace_csv(trace).encode("utf-8"))),
        (arguments.parquet, lambda file: trace.frame().to_parquet(file, index=False)),
    )
    for target, write in writers:
        if target is not None:
            with writing(target):
                write(target)


def _print_summary(trace: TokenTrace) -> None:
    from akl_viz.analysis.statistics import summarise

    print_line(f"n = {trace.n_scored} scored positions, mean ± standard error (nats where a divergence)")
    for name, row in summarise(trace).items():
        spread = f" ± {row.se:.4f}" if row.se is not None else ""
        print_line(f"{name:<18} {row.mean:>12.6f}{spread}")


COMMAND = Command("inspect", "compare a student with a teacher, token by token", add_options, run_inspect)
