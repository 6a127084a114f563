"""What was measured, on what: rows of results with the facts of the machine, written as CSV."""

from __future__ import annotations

import csv
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"
_LIBRARIES = ("torch", "transformers", "numpy", "streamlit")
_UNKNOWN = "unknown"


@dataclass(frozen=True)
class Result:
    """One measured quantity: the median of its repeats, their range, and the bar it is held to."""

    measure: str
    value: float
    unit: str
    lowest: float
    highest: float
    repeats: int
    bar: float | None = None
    """The most the value may be; None where nothing is promised."""
    note: str = ""

    @classmethod
    def of(
        cls, measure: str, samples: Sequence[float], unit: str, *, bar: float | None = None, note: str = ""
    ) -> Result:
        """The median and the range of the samples."""
        return cls(measure, statistics.median(samples), unit, min(samples), max(samples), len(samples), bar, note)

    @property
    def met(self) -> bool:
        """Whether the bar is met; true where there is none."""
        return self.bar is None or self.value <= self.bar


MEASURED = tuple(field.name for field in fields(Result))
FACTS = ("quick", "date", "commit", "cpu", "cores", "load", "python", *_LIBRARIES, "browser")
COLUMNS = MEASURED + FACTS
"""The columns of every file in results/."""


def record(name: str, results: Sequence[Result], *, quick: bool, browser: str = "") -> bool:
    """Print the results, write them to results/NAME.csv and return whether every bar is met.

    Args:
        name: of the benchmark and of its file.
        results: what was measured.
        quick: whether fewer repeats than usual were made.
        browser: name and version of the browser, where one took part.
    """
    facts = {**_facts(), "quick": str(quick).lower(), "browser": browser}
    RESULTS.mkdir(exist_ok=True)
    with (RESULTS / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for result in results:
            writer.writerow({**{key: _cell(getattr(result, key)) for key in MEASURED}, **facts})
    print(f"\n{name}: {facts['cpu']}, {facts['cores']} cores, load {facts['load']}, torch {facts['torch']}")
    for result in results:
        print(_line(result))
    return all(result.met for result in results)


def _line(result: Result) -> str:
    """A result as it is printed."""
    spread = f"({result.lowest:.4g} to {result.highest:.4g}, {result.repeats} repeats)"
    bar = "" if result.bar is None else f"  bar {result.bar:g}: {'met' if result.met else 'MISSED'}"
    note = f"  {result.note}" if result.note else ""
    return f"  {result.measure:<40} {result.value:>9.4g} {result.unit:<10} {spread}{bar}{note}"


def _cell(value: object) -> str:
    """A value as it stands in the file: six digits, empty where there is none."""
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _facts() -> dict[str, str]:
    """The machine, the versions, the commit and the time (UTC); no names of hosts, users or folders."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%dT%H:%MZ"),
        "commit": _commit(),
        "cpu": _cpu(),
        "cores": str(os.cpu_count()),
        "load": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else _UNKNOWN,
        "python": platform.python_version(),
        **{library: version(library) for library in _LIBRARIES},
    }


def _cpu() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine() or _UNKNOWN


def _commit() -> str:
    """The commit that was measured, with "-dirty" where files differ from it."""
    command = ["git", "describe", "--always", "--dirty", "--exclude", "*"]
    try:
        told = subprocess.run(command, cwd=RESULTS.parent, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return _UNKNOWN
    return told.stdout.strip() or _UNKNOWN


def finish(met: bool) -> None:
    """End the process: 0 where every bar is met, else 1."""
    sys.exit(0 if met else 1)
