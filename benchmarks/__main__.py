"""Run the benchmarks: `python -m benchmarks [NAME ...] [--quick]`.

Each runs in a process of its own, so that none inherits another's threads, caches or memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks.browser import ROOT

NAMES = (
    "analysis_cost",
    "architectures",
    "loss_cost",
    "first_paint",
    "interaction",
    "distill_cost",
    "race_evidence",
    "toys_cost",
    "learn_pages",
    "race_page",
)


def main() -> int:
    """Run the chosen benchmarks one after the other; 1 where one missed its bar or failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*NAMES, []], help=f"of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="fewer repeats, to see that they run")
    options = parser.parse_args()
    more = ["--quick"] if options.quick else []
    codes = [
        subprocess.run([sys.executable, "-m", f"benchmarks.{name}", *more], cwd=ROOT, check=False).returncode
        for name in options.names or NAMES
    ]
    return int(any(codes))


if __name__ == "__main__":
    sys.exit(main())
