"""`akl-viz inspect`: a token trace."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akl_viz.cli.command import Command, print_line
from akl_viz.cli.files import check_outputs, writing
from akl_viz.cli.parser import path_of
from akl_viz.cli.settings import add_settings, settings_of
from akl_viz.errors import InvalidInput
from akl_viz.records import Settings, TokenTrace
from akl_viz.words import counted

if TYPE_CHECKING:
    from akl_viz.distill.files import Example

MAX_TEXT_MB = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `akl-viz inspect`."""
    reference = "bundled:NAME, a local folder or a hub id, with #REV for a revision"
    parser.add_argument("--teacher", required=True, metavar="REF", help=reference)
    parser.add_argument("--student", required=True, metavar="REF", help=reference)
    text = parser.add_mutually_exclusive_group(required=True)
    text.add_argument("--text", metavar="T", help="the text to score")
    text.add_argument(
        "--text-file",
        type=path_of,
        metavar="F",
        help="a UTF-8 file with the text to score, or a .jsonl, .csv or .parquet file with a row to score",
    )
    parser.add_argument("--row", type=int, metavar="N", help="which row of such a file, from 1 (default 1)")
    parser.add_argument("--column", metavar="NAME", help="its column with the text or the prompt")
    parser.add_argument("--response", metavar="NAME", help="its column with the response")
    parser.add_argument(
        "--chat", action="store_true", help="put its prompt and response into the tokenizer's chat template"
    )
    add_settings(parser)
    parser.add_argument("--dtype", default="auto", help="auto, float32, bfloat16, float16 or float64 (default auto)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps (default auto)")
    parser.add_argument("--json", action="store_true", help="print the trace as JSON (schema 1)")
    parser.add_argument(
        "--csv",
        type=path_of,
        metavar="F",
        help="write one row per token as CSV; a text like =1+1 gets a leading apostrophe, so no program runs it",
    )
    parser.add_argument("--parquet", type=path_of, metavar="F", help="write one row per token as Parquet")


def run_inspect(arguments: argparse.Namespace) -> None:
    """Trace a text and print or write it."""
    settings = settings_of(arguments)
    check_outputs(
        {"--csv": arguments.csv, "--parquet": arguments.parquet},
        texts=[arguments.text_file] if arguments.text_file is not None else [],
        models=(arguments.teacher, arguments.student),
        printed="--json" if arguments.json else "",
    )
    trace = _trace(arguments, _text(arguments), settings)
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
    for note in trace.notes:
        sys.stderr.write(f"{note}\n")
    if trace.cut is not None:
        sys.stderr.write(f"The text was cut after token {trace.cut.tokens_kept}: the context ends there.\n")


def _text(arguments: argparse.Namespace) -> str | Example:
    """The text to score, or the row of a table. Raises InvalidInput where there is none."""
    from akl_viz.distill.tables import is_table

    path: Path | None = arguments.text_file
    table = path is not None and is_table(path)
    named = [f"--{name}" for name in ("row", "column", "response", "chat") if getattr(arguments, name)]
    if not table and named:
        raise InvalidInput(f"{named[0]} is for rows: give a .jsonl, .csv or .parquet file as --text-file.")
    if path is None:
        return str(arguments.text)
    if table:
        return _row(arguments, path)
    from akl_viz.distill.content import read_text

    return read_text(path, MAX_TEXT_MB)


def _row(arguments: argparse.Namespace, path: Path) -> Example:
    """One row of a table, read as `distill` reads it."""
    from akl_viz.distill.files import read_rows

    rows = read_rows(path, arguments.column or "", arguments.response or "")
    if arguments.chat and not any(example.response or example.messages for example in rows.examples):
        raise InvalidInput(f"{path.name} has no column of responses for --chat: name it by --response.")
    number = 1 if arguments.row is None else arguments.row
    count = len(rows.examples)
    if not 1 <= number <= count:
        raise InvalidInput(f"{path.name} has {counted(count, 'row')}, so there is no row {number}.")
    example = rows.examples[number - 1]
    if not (example.prompt.strip() or example.response.strip() or example.messages):
        raise InvalidInput(f"Row {number} of {count} of {path.name} is empty: score another by --row.")
    for note in (
        f"Row {number} of {count} of {path.name} is scored; --row N scores another.",
        *rows.notes,
    ):
        sys.stderr.write(f"{note}\n")
    return example


def _trace(arguments: argparse.Namespace, text: str | Example, settings: Settings) -> TokenTrace:
    from akl_viz.analysis.trace import token_trace
    from akl_viz.distill.corpus import LEAST_TOKENS, plain_ids
    from akl_viz.distill.dialogue import Dialogue
    from akl_viz.models import ModelPool, Parts, Policy, reading_of

    pool = ModelPool()
    teacher, student = pool.pair(
        arguments.teacher,
        arguments.student,
        device=arguments.device,
        dtype=arguments.dtype,
        policy=Policy.for_command_line(),
    )
    if isinstance(text, str):
        return token_trace(teacher, student, text, settings)
    tokenizer = reading_of(teacher, student).tokenizer
    if not (text.response or text.messages) and len(plain_ids(tokenizer, text.prompt, lambda: None)) < LEAST_TOKENS:
        raise InvalidInput("The row holds no text of two tokens or more: a token is scored from the one before it.")
    with Dialogue(tokenizer, chat=arguments.chat) as dialogue:
        parts: Parts = dialogue.write(text).parts
        for note in dialogue.notes():
            sys.stderr.write(f"{note}\n")
    return token_trace(teacher, student, parts, settings)


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

    print_line(f"n = {counted(trace.n_scored, 'scored position')}, mean ± standard error (nats where a divergence)")
    for name, row in summarise(trace).items():
        spread = f" ± {row.se:.4f}" if row.se is not None else ""
        print_line(f"{name:<18} {row.mean:>12.6f}{spread}")


COMMAND = Command("inspect", "compare a student with a teacher, token by token", add_options, run_inspect)
