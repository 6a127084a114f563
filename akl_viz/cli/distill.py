"""`akl-viz distill`: several losses race on a real student, from the shell or under `accelerate launch`."""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from akl_viz.cli.command import Command, print_line
from akl_viz.cli.files import check_run_folder
from akl_viz.cli.parser import path_of
from akl_viz.distill.config import BUNDLED_TEXT, TOY_TEXT, DistillConfig
from akl_viz.distill.content import check_file
from akl_viz.distill.control import Control
from akl_viz.distill.duration import duration
from akl_viz.distill.launched import is_main, launched
from akl_viz.distill.options import OPTIONS, Option, changed
from akl_viz.errors import Cancelled, InvalidInput

if TYPE_CHECKING:
    from akl_viz.distill import Run, StepRecord

_BAR = 24
_WIDTH = 110
_NEEDED = ("teacher", "student", "losses")
"""What a new run must name: it has no default on the command line."""
_ECHO_S = 2.0
"""A launcher sends its processes the Ctrl-C on that their terminal has sent them already."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of `akl-viz distill`: one per row of the table of settings."""
    parser.epilog = (
        "Ctrl-C stops after the step with a checkpoint, a measurement and exit code 130; --resume goes on from there, "
        "as after a kill."
    )
    parser.add_argument("--out", type=path_of, required=True, metavar="DIR", help="folder of the run")
    parser.add_argument("--resume", action="store_true", help="go on with the run in DIR, with its own settings")
    parser.add_argument("--json", action="store_true", help="print the history as JSON at the end")
    for option in OPTIONS:
        _add(parser, option)


def _add(parser: argparse.ArgumentParser, option: Option) -> None:
    """One setting; what is not given is None, so that a resumed run keeps its own."""
    shown = ",".join(option.default) if isinstance(option.default, tuple) else option.default
    # 0 is a default, although it equals False.
    named = option.field not in _NEEDED and shown != "" and shown is not False
    text = f"{option.help} (default {shown})" if named else option.help
    if option.kind is bool:
        parser.add_argument(option.flag, dest=option.field, action="store_true", default=None, help=text)
    elif option.kind is tuple:
        parser.add_argument(option.flag, dest=option.field, action="append", metavar="TEXT", help=text)
    elif option.choices:
        parser.add_argument(option.flag, dest=option.field, choices=option.choices, help=text)
    else:
        parser.add_argument(option.flag, dest=option.field, type=option.kind, metavar=option.kind.__name__, help=text)


def run_distill(arguments: argparse.Namespace) -> None:
    """Run or resume a distillation and print what came out."""
    config = _config(arguments)
    control = Control()
    interrupted = ""
    with _signals(control) as received:
        from akl_viz.distill import distill, open_run
        from akl_viz.distill.parallel import leave

        shown = _Shown(sys.stderr.isatty())
        try:
            records = distill(config, arguments.out, resume=arguments.resume, control=control, progress=shown.preparing)
            for record in records:
                shown.step(record)
        except Cancelled:
            interrupted = "before its first step"
        finally:
            shown.end()
    leave()
    if not is_main():
        return
    run = None if interrupted else open_run(arguments.out)
    if received and not (run and run.status == "finished"):
        where = interrupted or f"at step {min(run.done.values()) if run else 0}"
        sys.stderr.write(f"Stopped {where}; {_way_on(arguments.out)}\n")
        raise KeyboardInterrupt
    if run is not None:
        _print_result(run, as_json=arguments.json)


def _way_on(folder: Path) -> str:
    """How a stopped run goes on: a run stopped before its folder began leaves nothing to resume."""
    from akl_viz.distill import open_run

    try:
        open_run(folder)
    except InvalidInput:
        return "nothing was written: give the same command again"
    return f"go on with: akl-viz distill --resume --out {shlex.quote(str(folder))}"


def _config(arguments: argparse.Namespace) -> DistillConfig | None:
    """The configuration the options describe; None for a resumed run with nothing changed."""
    given = {
        option.field: tuple(value) if option.kind is tuple else value
        for option in OPTIONS
        if (value := getattr(arguments, option.field)) is not None
    }
    if arguments.resume:
        from akl_viz.distill import open_run

        stored = open_run(arguments.out).config
        return changed(stored, given) if stored is not None and given else None
    missing = [name for name in _NEEDED if name not in given]
    if missing:
        flag = next(option.flag for option in OPTIONS if option.field == missing[0])
        raise InvalidInput(f"The run needs {flag}: give it, or --resume for a run that was begun.")
    config = changed(DistillConfig(), given)
    check_run_folder("--out", arguments.out, models=(config.teacher, config.student))
    if config.data.text not in (BUNDLED_TEXT, TOY_TEXT):
        # Before the heavy libraries: a text that nobody can read is told at once.
        with suppress(RuntimeError):
            check_file(Path(config.data.text).expanduser())
    return config


@contextmanager
def _signals(control: Control) -> Iterator[list[int]]:
    """Turn the first Ctrl-C (or a polite kill) into a stop after the step, and a second one into an interrupt."""
    received: list[int] = []
    first: list[float] = []
    echoed = launched()

    def stop(number: int, frame: Any) -> None:
        now = time.monotonic()
        if received and echoed and now - first[0] < _ECHO_S:
            return
        if received:
            raise KeyboardInterrupt
        first.append(now)
        received.append(number)
        control.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Shown:
    """Progress on standard error: one line that is rewritten at a terminal, else a line per measured step."""

    def __init__(self, terminal: bool) -> None:
        self._terminal = terminal
        self._gaps: dict[str, str] = {}
        self._silent = not is_main()

    def preparing(self, share: float, sentence: str) -> None:
        """A stage before the first step."""
        if self._terminal and not self._silent:
            self._rewrite(f"{_bar(share)} {sentence}")

    def step(self, record: StepRecord) -> None:
        """One step of one loss."""
        if self._silent:
            return
        if record.probe is not None:
            gaps = f"head {record.probe.head_gap:.3f} tail {record.probe.tail_gap:.3f}"
            self._gaps[record.loss] = f"{record.loss} {gaps}"
            if not self._terminal:
                loss = "" if math.isnan(record.train_loss) else f"  loss {record.train_loss:.4f}"
                eta = "" if record.eta_seconds is None else f"  ETA {duration(record.eta_seconds)}"
                sys.stderr.write(f"step {record.step}/{record.steps}  {record.loss}  {gaps}{loss}{eta}\n")
        if self._terminal:
            eta = "" if record.eta_seconds is None else f" ETA {duration(record.eta_seconds)}"
            speed = f" {record.tokens_per_second:,.0f} tokens/s" if record.step else ""
            counts = f"{_bar(record.done)} step {record.step}/{record.steps}{eta}{speed}"
            self._rewrite(f"{counts}  {'  '.join(self._gaps.values())}")

    def end(self) -> None:
        """Leave the last line standing."""
        if self._terminal and not self._silent:
            sys.stderr.write("\n")

    def _rewrite(self, line: str) -> None:
        try:
            width = os.get_terminal_size(sys.stderr.fileno()).columns - 1
        except OSError:
            width = _WIDTH
        sys.stderr.write(f"\r\x1b[2K{line[: max(width, 20)]}")
        sys.stderr.flush()


def _print_result(run: Run, *, as_json: bool) -> None:
    """The last row of every loss, or the whole history as JSON."""
    history = run.history()
    for note in run.notes:
        sys.stderr.write(f"{note}\n")
    if as_json:
        rows = [{name: _plain(value) for name, value in row.items()} for row in history.to_dict("records")]
        told = {"schema": 1, "run": run.name, "folder": str(run.folder), "status": run.status}
        config = run.config.to_json() if run.config else None
        print_line(json.dumps(told | {"config": config, "history": rows}, ensure_ascii=False, allow_nan=False))
        return
    print_line(f"{run.folder}: {run.status}")
    for loss in run.losses:
        row = history[history["loss"] == loss].iloc[-1]
        print_line(
            f"{loss:<24} step {row['step']:>6}  head gap {row['head_gap']:.4f}  tail gap {row['tail_gap']:.4f}  "
            f"KL(T‖S) {row['forward_kl']:.4f}  KL(S‖T) {row['reverse_kl']:.4f}  perplexity {row['perplexity']:.1f}"
        )


def _plain(value: Any) -> Any:
    """The value at full precision; null where JSON has no number."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _bar(share: float) -> str:
    """A bar of a fixed width."""
    full = round(_BAR * min(1.0, max(0.0, share)))
    return f"[{'#' * full}{'-' * (_BAR - full)}] {share:4.0%}"


COMMAND = Command("distill", "let several losses race on a student, live", add_options, run_distill)
