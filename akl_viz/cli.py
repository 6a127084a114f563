"""The command line: `akl-viz app`, `akl-viz models`, `akl-viz inspect`.

A user's mistake ends with exit code 2 and one line on standard error. Heavy libraries are imported by the
command that needs them, so that `--help` answers at once.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

from akl_viz import __version__
from akl_viz.errors import AklVizError, InvalidInput
from akl_viz.records import BOUNDARIES, Settings, TokenTrace

MAX_TEXT_BYTES = 20_000_000
USER_MISTAKE = 2


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(USER_MISTAKE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def build_parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    parser = _Parser(prog="akl-viz", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--version", action="version", version=f"akl-viz {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    app = commands.add_parser("app", help="start the app in a browser, bound to 127.0.0.1")
    app.add_argument("--port", type=int, default=8501, help="port to listen on (default 8501)")
    app.set_defaults(run=run_app)

    models = commands.add_parser("models", help="list the bundled models")
    models.add_argument("--json", action="store_true", help="as a JSON list")
    models.set_defaults(run=run_models)

    inspect = commands.add_parser("inspect", help="compare a student with a teacher, token by token")
    _add_inspect_options(inspect)
    inspect.set_defaults(run=run_inspect)
    return parser


def _add_inspect_options(parser: argparse.ArgumentParser) -> None:
    reference = "bundled:NAME, a local folder or a hub id, with #REV for a revision"
    parser.add_argument("--teacher", required=True, metavar="REF", help=reference)
    parser.add_argument("--student", required=True, metavar="REF", help=reference)
    text = parser.add_mutually_exclusive_group(required=True)
    text.add_argument("--text", metavar="T", help="the text to score")
    text.add_argument("--text-file", type=Path, metavar="F", help="a UTF-8 file with the text to score")
    defaults = Settings()
    parser.add_argument("--mu", type=float, default=defaults.mu, help="teacher mass of the head (default 0.5)")
    parser.add_argument(
        "--boundary",
        choices=BOUNDARIES,
        default=defaults.boundary,
        help="below: largest prefix with mass <= mu, at least one token (default); reach: smallest with mass >= mu",
    )
    parser.add_argument("--temperature", type=float, default=defaults.temperature, help="of both models (default 1)")
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16, float16 or float64 (default auto)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    parser.add_argument("--json", action="store_true", help="print the trace as JSON (schema 1)")
    parser.add_argument("--csv", type=Path, metavar="F", help="write one row per token as CSV")
    parser.add_argument("--parquet", type=Path, metavar="F", help="write one row per token as Parquet")


def run_app(arguments: argparse.Namespace) -> None:
    """Serve the app."""
    from akl_viz.launch import run_app as serve

    serve(arguments.port)


def run_models(arguments: argparse.Namespace) -> None:
    """Print the bundled models, as a table or as JSON."""
    from akl_viz.models import bundled_models

    rows = [asdict(model) for model in bundled_models()]
    if arguments.json:
        _print(json.dumps(rows, indent=1))
        return
    _print(f"{'reference':<24} {'role':<8} {'parameters':>10} {'perplexity':>10}")
    for row in rows:
        perplexity = f"{row['perplexity']:.1f}" if row["perplexity"] is not None else "-"
        _print(f"{row['reference']:<24} {row['role']:<8} {row['parameters']:>10,} {perplexity:>10}")


def run_inspect(arguments: argparse.Namespace) -> None:
    """Trace a text and print or write it."""
    settings = Settings(arguments.mu, arguments.boundary, arguments.temperature)
    text = arguments.text if arguments.text is not None else read_text(arguments.text_file)
    for target in (arguments.csv, arguments.parquet):
        if target is not None and not target.absolute().parent.is_dir():
            raise InvalidInput(f"{target} cannot be written: make the folder {target.absolute().parent} first.")
    trace = _trace(arguments, text, settings)
    _write_tables(arguments, trace)
    if arguments.json:
        from akl_viz.analysis.export import trace_json

        _print(json.dumps(trace_json(trace), ensure_ascii=False, allow_nan=False))
    elif arguments.csv is None and arguments.parquet is None:
        _print_summary(trace)
    if trace.cut is not None and sys.stderr.isatty():
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
        if target is None:
            continue
        try:
            write(target)
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise InvalidInput(f"{target} cannot be written ({reason}); choose another file.") from error


def _print_summary(trace: TokenTrace) -> None:
    from akl_viz.analysis.statistics import summarise

    _print(f"n = {trace.n_scored} scored positions, mean ± standard error (nats where a divergence)")
    for name, row in summarise(trace).items():
        spread = f" ± {row.se:.4f}" if row.se is not None else ""
        _print(f"{name:<18} {row.mean:>12.6f}{spread}")


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    arguments: Any = build_parser().parse_args(argv)
    # JSON is UTF-8 whatever the terminal's encoding; a text from the command line may hold any character.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except AklVizError as error:
        sys.stderr.write(f"akl-viz: {' '.join(str(error).split())}\n")
        return USER_MISTAKE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) has left; what is still buffered must not be written again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
